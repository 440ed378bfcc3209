/* policy/idn.c - international names as A-labels. */

#include "policy/idn.h"

#include <idn2.h>
#include <string.h>

#define IDN_UTF8_MAX 1024 /* a name of 253 octets has no more in UTF-8 */

const char *idn_to_ascii(struct slice name, char *ret, size_t size,
			 size_t *ret_len)
{
	char copy[IDN_UTF8_MAX + 1];
	char *ascii = NULL;
	const char *why = NULL;
	size_t len;
	int rc;

	if (name.len > IDN_UTF8_MAX)
		return "the name is longer than 253 octets";
	memcpy(copy, name.ptr, name.len);
	copy[name.len] = '\0';
	rc = idn2_to_ascii_8z(copy, &ascii,
			      IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_MALLOC)
		return "no memory to read an international name";
	if (rc == IDN2_ENCODING_ERROR || rc == IDN2_ICONV_FAIL)
		return "not UTF-8";
	if (rc == IDN2_TOO_BIG_DOMAIN)
		return "the name is longer than 253 octets";
	if (rc == IDN2_TOO_BIG_LABEL)
		return "a label is longer than 63 octets";
	if (rc != IDN2_OK)
		return "not an international name that can be registered "
		       "(IDNA 2008)";
	len = strlen(ascii);
	if (len >= size)
		why = "the name is longer than 253 octets";
	else
		memcpy(ret, ascii, len + 1);
	idn2_free(ascii);
	*ret_len = len;
	return why;
}
