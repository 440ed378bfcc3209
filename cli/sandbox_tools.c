/* cli/sandbox_tools.c - the tools that the caller's PATH finds.
 *
 * What lies below the system's directories is visible anyway. A tool that
 * lives elsewhere, in most cases below the home directory, becomes visible
 * read-only: its bin directory with the libraries beside it, or for version
 * managers, which keep their parts together and no secrets among them, the
 * whole of it. Nothing else of the home directory is shown, so ~/.cargo/bin
 * does not bring ~/.cargo/credentials.toml along.
 *
 * PATH inside consists of real paths: a bin directory behind a symbolic link
 * would not find the libraries beside it.
 */

#include "cli/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/slice.h"

/* Below the home directory; shown whole when PATH leads into them. */
static const char *const tools_managers[] = {
	".pyenv",
	".rbenv",
	".nodenv",
	".nvm",
	".volta",
	".asdf",
	".sdkman",
	".bun",
	".deno",
	"miniconda3",
	"miniforge3",
	"anaconda3",
	".local/share/mise",
	".local/share/fnm",
	".local/share/uv",
	".local/share/pnpm",
	".local/share/claude",
};

/* Shown when PATH leads to the first: the parts live in the second. */
static const struct {
	const char *bin, *parts;
} tools_parts[] = {
	{ ".cargo/bin", ".rustup" },
	{ ".local/bin", ".local/lib" },
	{ ".local/bin", ".local/share/uv" },
	{ ".local/bin", ".local/share/pipx" },
	{ ".local/bin", ".local/share/pnpm" },
	{ ".local/bin", ".local/share/claude" },
};

/* Beside a bin directory. */
static const char *const tools_beside[] = { "lib", "lib64", "libexec",
					    "include" };

static bool tools_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Show path, a real path, unless it is visible already or would show the home
 * directory or all the world.
 */
static void tools_show(const struct sandbox *sb, struct sandbox_args *args,
		       const char *path)
{
	if (words_cover(&args->bound, path) || words_within(path, sb->cwd) ||
	    words_within(sb->home, path) || sandbox_is_control(sb, path) ||
	    !tools_is_dir(path))
		return;
	words_add(&args->bound, path);
	words_add_all(&args->options, "--ro-bind", path, path, NULL);
}

static void tools_show_below(const struct sandbox *sb,
			     struct sandbox_args *args, const char *dir,
			     const char *below)
{
	char path[PATH_MAX], real[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, below);

	if (n > 0 && (size_t)n < sizeof(path) && realpath(path, real))
		tools_show(sb, args, real);
}

/* Show what dir, a real path, needs. */
static void tools_show_dir(const struct sandbox *sb, struct sandbox_args *args,
			   const char *dir)
{
	char path[PATH_MAX];
	const char *base = strrchr(dir, '/');

	for (size_t i = 0; i < ARRAY_SIZE(tools_managers); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", sb->home,
				 tools_managers[i]);

		if (n > 0 && (size_t)n < sizeof(path) &&
		    words_within(dir, path))
			tools_show(sb, args, path);
	}
	tools_show(sb, args, dir);
	for (size_t i = 0; i < ARRAY_SIZE(tools_parts); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", sb->home,
				 tools_parts[i].bin);

		if (n > 0 && (size_t)n < sizeof(path) && !strcmp(path, dir))
			tools_show_below(sb, args, sb->home,
					 tools_parts[i].parts);
	}
	if (!base || strcmp(base, "/bin") != 0)
		return;
	memcpy(path, dir, (size_t)(base - dir));
	path[base - dir] = '\0';
	if (!strcmp(path, sb->home))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tools_beside); i++)
		tools_show_below(sb, args, path, tools_beside[i]);
}

static void tools_path_add(struct sandbox_args *args, const char *dir)
{
	size_t len = strlen(args->path);
	int n = snprintf(args->path + len, sizeof(args->path) - len, "%s%s",
			 len ? ":" : "", dir);

	if (n < 0 || (size_t)n >= sizeof(args->path) - len)
		args->path[len] = '\0';
}

static void tools_entry(const struct sandbox *sb, struct sandbox_args *args,
			struct slice entry)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (!entry.len || entry.ptr[0] != '/' || entry.len >= sizeof(path))
		return;
	memcpy(path, entry.ptr, entry.len);
	path[entry.len] = '\0';
	if (words_cover(&args->bound, path)) {
		tools_path_add(args, path);
		return;
	}
	if (!realpath(path, real) || !tools_is_dir(real))
		return;
	tools_show_dir(sb, args, real);
	tools_path_add(args, real);
}

/* The command may be a link from a bin directory to somewhere else. */
static void tools_command(const struct sandbox *sb, struct sandbox_args *args,
			  struct slice path)
{
	const char *name = sb->command[0];
	char file[PATH_MAX], real[PATH_MAX];
	struct slice dir;

	if (strchr(name, '/'))
		path = slice_of("", 0);
	while (path.len) {
		(void)slice_cut(path, ':', &dir, &path);
		if (snprintf(file, sizeof(file), "%.*s/%s", (int)dir.len,
			     dir.ptr, name) >= (int)sizeof(file) ||
		    access(file, X_OK) < 0 || !realpath(file, real))
			continue;
		*strrchr(real, '/') = '\0';
		tools_show_dir(sb, args, real);
		return;
	}
}

void sandbox_tools(const struct sandbox *sb, struct sandbox_args *args)
{
	const char *value = getenv("PATH");
	struct slice all = slice_str(value && *value ? value : "/usr/bin:/bin");
	struct slice rest = all, entry;

	args->path[0] = '\0';
	while (rest.len) {
		(void)slice_cut(rest, ':', &entry, &rest);
		tools_entry(sb, args, entry);
	}
	tools_command(sb, args, all);
}
