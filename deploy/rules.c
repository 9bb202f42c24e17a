/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

#define ARGUMENT_MAX  32768u
#define ATTRIBUTE_MAX 128u
#define IMAGE_MAX     512u

static bool
is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

const char *
rule_name(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || text[0] < 'a' || text[0] > 'z' || strspn(text, LOWER DIGIT "-") != len ||
	    text[len - 1] == '-')
		return "a name is a-z, 0-9 and -, starts with a letter and does not end with -";
	if (len > 63)
		return "a name has at most 63 letters";
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Images: [host[:port]/]path[:tag][@sha256:digest].                   */

/* One part between slashes: a-z, 0-9, with single separators inside. */
static bool
image_part_is_good(const char *p, size_t len)
{
	if (len == 0 || !is_lower_or_digit(p[0]) || !is_lower_or_digit(p[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_or_digit(p[i]) && strchr("._-", p[i]) == NULL)
			return false;
	return true;
}

static bool
registry_is_good(const char *p, size_t len)
{
	const char *colon = memchr(p, ':', len);
	size_t host = colon != NULL ? (size_t)(colon - p) : len;

	if (host == 0 || p[0] == '.' || p[0] == '-')
		return false;
	for (size_t i = 0; i < host; i++)
		if (strchr(LOWER UPPER DIGIT ".-", p[i]) == NULL)
			return false;
	if (colon == NULL)
		return true;
	return len - host - 1 >= 1 && len - host - 1 <= 5 &&
	       strspn(colon + 1, DIGIT) >= len - host - 1;
}

/* `len`: without tag and digest. */
static bool
image_path_is_good(const char *p, size_t len)
{
	const char *slash = memchr(p, '/', len);
	size_t first = slash != NULL ? (size_t)(slash - p) : len;
	bool registry =
		slash != NULL && (memchr(p, '.', first) != NULL || memchr(p, ':', first) != NULL ||
				  (first == 9 && memcmp(p, "localhost", 9) == 0));
	const char *end = p + len;

	if (registry) {
		if (!registry_is_good(p, first))
			return false;
		p = slash + 1;
	}
	for (;;) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!image_part_is_good(p, (size_t)((slash != NULL ? slash : end) - p)))
			return false;
		if (slash == NULL)
			return true;
		p = slash + 1;
	}
}

static bool
tag_is_good(const char *tag, size_t len)
{
	if (len == 0 || len > 128 || tag[0] == '.' || tag[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr(LOWER UPPER DIGIT "_.-", tag[i]) == NULL)
			return false;
	return true;
}

static bool
digest_is_good(const char *digest)
{
	return strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == 7 + 64 &&
	       strspn(digest + 7, DIGIT "abcdef") == 64;
}

/* Where the parts of an image's name begin. */
struct image_parts {
	size_t path;	 /* its length */
	const char *tag; /* or NULL */
	size_t tag_len;
	const char *digest; /* or NULL */
};

static struct image_parts
image_split(const char *text)
{
	const char *at = strchr(text, '@');
	size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
	const char *slash = memrchr(text, '/', len);
	const char *name = slash != NULL ? slash + 1 : text;
	const char *colon = memchr(name, ':', len - (size_t)(name - text));

	return (struct image_parts){
		.path = colon != NULL ? (size_t)(colon - text) : len,
		.tag = colon != NULL ? colon + 1 : NULL,
		.tag_len = colon != NULL ? (size_t)(text + len - colon - 1) : 0,
		.digest = at != NULL ? at + 1 : NULL,
	};
}

const char *
rule_image(const char *text)
{
	struct image_parts p = image_split(text);

	if (strlen(text) > IMAGE_MAX)
		return "an image name has at most 512 bytes";
	if (!image_path_is_good(text, p.path) || (p.tag != NULL && !tag_is_good(p.tag, p.tag_len)))
		return "an image is [registry[:port]/]name:tag in lower case, or "
		       "name@sha256:digest";
	if (p.digest != NULL && !digest_is_good(p.digest))
		return "a digest is sha256: and 64 digits of a-f, 0-9";
	return NULL;
}

const char *
rule_image_pinned(const char *text)
{
	struct image_parts p = image_split(text);
	const char *fault = rule_image(text);

	if (fault != NULL || p.digest != NULL)
		return fault;
	if (p.tag == NULL)
		return "the image has no tag, so nobody can say what will run";
	if (p.tag_len == 6 && memcmp(p.tag, "latest", 6) == 0)
		return "the tag latest changes its meaning, so nobody can say what will run";
	return NULL;
}

/* ------------------------------------------------------------------ */
/* The rest.                                                           */

const char *
rule_argument(const char *text)
{
	size_t len = strlen(text);

	if (len > ARGUMENT_MAX)
		return "a text has at most 32768 bytes";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return "a text holds no control characters but tabs and line ends";
	}
	return NULL;
}

const char *
rule_env(const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals != NULL ? (size_t)(equals - text) : 0;

	if (len == 0)
		return "a variable is NAME=value";
	if (strspn(text, LOWER UPPER DIGIT "-._") != len || (text[0] >= '0' && text[0] <= '9') ||
	    (len == 1 && text[0] == '.') || strncmp(text, "..", 2) == 0)
		return "a variable's name is letters, digits, - . and _, and starts with no digit";
	return rule_argument(text);
}

const char *
rule_host(const char *text)
{
	size_t len = strlen(text), label = 0;

	if (len == 0 || len > 253)
		return "a host name has 1 to 253 letters";
	for (size_t i = 0; i <= len; i++) {
		char c = text[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || text[i - 1] == '-')
				return "the parts of a host name have 1 to 63 letters and do not "
				       "end with -";
			label = 0;
			continue;
		}
		if (!is_lower_or_digit(c) && (c != '-' || label == 0))
			return "a host name is a-z, 0-9, - and dots, in lower case, no wildcard";
		label++;
	}
	return NULL;
}

static bool
is_under(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

bool
is_ram(const char *class)
{
	return class != NULL && strcmp(class, "ram") == 0;
}

const char *
rule_mount_path(const char *text, bool ram)
{
	const char *fault = rule_argument(text);
	size_t len = strlen(text);

	if (fault != NULL)
		return fault;
	if (text[0] != '/' || len > 1024 || strpbrk(text, "\t\r\n") != NULL)
		return "a mount path starts with / and has at most 1024 bytes on one line";
	if (len == 1)
		return "the root itself cannot be a mount";
	if (strstr(text, "//") != NULL || strstr(text, "/./") != NULL ||
	    strstr(text, "/../") != NULL || strcmp(text + len - 2, "/.") == 0 ||
	    (len >= 3 && strcmp(text + len - 3, "/..") == 0))
		return "a mount path has no . or .. or // in it";
	if (strcmp(text, SHM_PATH) == 0)
		return ram ? NULL : "only memory, of the class ram, is mounted at /dev/shm";
	if (is_under(text, "/proc") || is_under(text, "/sys") || is_under(text, "/dev"))
		return "nothing is mounted under /proc, /sys or /dev";
	return NULL;
}

static bool
is_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

const char *
rule_gpu(const char *text)
{
	size_t len = strlen(text);
	unsigned slashes = 0;

	if (len == 0 || len > ATTRIBUTE_MAX || text[0] == '/' || text[len - 1] == '/' ||
	    strspn(text, LOWER UPPER DIGIT "-_./") != len || strstr(text, "//") != NULL)
		return "a gpu is vendor[/model[/ram][/interface]] of letters, digits, - . and _";
	for (const char *p = text; *p != '\0'; p++)
		slashes += *p == '/';
	return slashes <= 3 ? NULL : "a gpu has at most vendor, model, ram and interface";
}

const char *
rule_url_path(const char *text)
{
	size_t len = strlen(text);

	if (text[0] != '/' || len > 1024)
		return "a check's path starts with / and has at most 1024 bytes";
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '#')
			return "a check's path has no blanks, control characters or #";
	return NULL;
}

const char *
rule_attribute_key(const char *text)
{
	if (*text == '\0' || strlen(text) > ATTRIBUTE_MAX || !is_line(text) ||
	    strchr(text, ' ') != NULL)
		return "an attribute's key is 1 to 128 printable bytes without spaces";
	return NULL;
}

const char *
rule_attribute_value(const char *text)
{
	if (*text == '\0' || strlen(text) > ATTRIBUTE_MAX || !is_line(text))
		return "an attribute's value is 1 to 128 printable bytes";
	return NULL;
}
