# bash completion for penstock: asks penstock itself.
_penstock()
{
	local cur=${COMP_WORDS[COMP_CWORD]} line
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -f -- "$cur")
			;;
		:commands)
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -c -- "$cur" | sort -u)
			;;
		*)
			line=${line%%$'\t'*}
			# What bash broke off at ':' it has already.
			if [[ $cur != *:* ]]; then
				COMPREPLY+=("$(printf '%q' "$line")")
			else
				COMPREPLY+=("$line")
			fi
			;;
		esac
	done < <("${COMP_WORDS[0]}" complete -- \
		"${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F _penstock penstock
