/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

static const char hex_digits[] = "0123456789abcdef";

const char *
hex_text(const void *bytes, size_t len, char *out)
{
	const uint8_t *b = bytes;

	out[0] = '0';
	out[1] = 'x';
	for (size_t i = 0; i < len; i++) {
		out[2 + 2 * i] = hex_digits[b[i] >> 4];
		out[3 + 2 * i] = hex_digits[b[i] & 15];
	}
	out[2 + 2 * len] = '\0';
	return out;
}

const char *
hash_text(const struct hash *h, char out[static HASH_TEXT_SIZE])
{
	return hex_text(h->b, sizeof(h->b), out);
}

const char *
sig_text(const struct sig *s, char out[static SIG_TEXT_SIZE])
{
	return hex_text(s->b, sizeof(s->b), out);
}

/* EIP-55: a letter is upper case where the hash of the lower-case text has a
 * nibble of 8 or more. */
const char *
address_text(const struct address *a, char out[static ADDRESS_TEXT_SIZE])
{
	struct hash h;

	hex_text(a->b, sizeof(a->b), out);
	keccak256(out + 2, 40, &h);
	for (size_t i = 0; i < 40; i++) {
		unsigned nibble = i % 2 == 0 ? h.b[i / 2] >> 4 : h.b[i / 2] & 15u;

		if (nibble >= 8)
			out[2 + i] = (char)toupper((unsigned char)out[2 + i]);
	}
	return out;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_read(const char *text, void *bytes, size_t len, struct err *e)
{
	uint8_t *b = bytes;
	int hi, lo;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (strlen(text) != 2 * len)
		return err_set(e, &ERR_BAD_DATA, "expected %zu hex digits, got %zu", 2 * len,
			       strlen(text));
	for (size_t i = 0; i < len; i++) {
		hi = hex_value(text[2 * i]);
		lo = hex_value(text[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return err_set(e, &ERR_BAD_DATA, "not a hex digit near position %zu",
				       2 * i);
		b[i] = (uint8_t)(hi * 16 + lo);
	}
	return 0;
}

int
hash_read(const char *text, struct hash *out, struct err *e)
{
	return hex_read(text, out->b, sizeof(out->b), e);
}

int
sig_read(const char *text, struct sig *out, struct err *e)
{
	return hex_read(text, out->b, sizeof(out->b), e);
}

int
address_read(const char *text, struct address *out, struct err *e)
{
	char canonical[ADDRESS_TEXT_SIZE];
	bool upper = false, lower = false;
	struct address a;

	if (hex_read(text, a.b, sizeof(a.b), e) < 0)
		return err_wrap(e, "address");
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (const char *p = text; *p != '\0'; p++) {
		upper = upper || isupper((unsigned char)*p);
		lower = lower || islower((unsigned char)*p);
	}
	if (upper && lower && strcmp(address_text(&a, canonical) + 2, text) != 0)
		return err_set(e, &ERR_BAD_DATA,
			       "address: the capital letters do not match its checksum (EIP-55)");
	*out = a;
	return 0;
}

bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
address_is_zero(const struct address *a)
{
	static const struct address zero;

	return address_equal(a, &zero);
}

void
sha256(const void *data, size_t len, struct hash *out)
{
	SHA256(data, len, out->b);
}

struct sha256 *
sha256_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
		fatal("SHA-256 does not start");
	return (struct sha256 *)c;
}

void
sha256_add(struct sha256 *s, const void *data, size_t len)
{
	if (EVP_DigestUpdate((EVP_MD_CTX *)s, data, len) != 1)
		fatal("SHA-256 does not go on");
}

void
sha256_end(struct sha256 *s, struct hash *out)
{
	if (EVP_DigestFinal_ex((EVP_MD_CTX *)s, out->b, NULL) != 1)
		fatal("SHA-256 does not end");
	EVP_MD_CTX_free((EVP_MD_CTX *)s);
}

void
random_bytes(void *out, size_t len)
{
	if (RAND_bytes(out, (int)len) != 1)
		fatal("no random bytes");
}

static const char b64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *
base64_write(struct arena *a, const uint8_t *b, size_t len, const char *alphabet, bool pad)
{
	char *out = arena_alloc(a, (len + 2) / 3 * 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = MIN(len - i, (size_t)3);
		uint32_t v = (uint32_t)b[i] << 16;

		if (have > 1)
			v |= (uint32_t)b[i + 1] << 8;
		if (have > 2)
			v |= b[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k <= have)
				out[n++] = alphabet[v >> (18 - 6 * k) & 63];
			else if (pad)
				out[n++] = '=';
		}
	}
	out[n] = '\0';
	return out;
}

char *
base64_text(struct arena *a, const void *bytes, size_t len)
{
	return base64_write(a, bytes, len, b64_alphabet, true);
}

char *
base64url_text(struct arena *a, const void *bytes, size_t len)
{
	return base64_write(a, bytes, len, b64url_alphabet, false);
}

static int
base64_value(char c)
{
	const char *p;

	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	p = c == '\0' ? NULL : strchr(b64_alphabet, c);
	return p == NULL ? -1 : (int)(p - b64_alphabet);
}

int
base64_read(struct arena *a, const char *text, size_t len, uint8_t **bytes, size_t *bytes_len,
	    struct err *e)
{
	uint8_t *out;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	out = arena_alloc(a, len / 4 * 3 + 4);
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text[i]);

		if (v < 0)
			return err_set(e, &ERR_BAD_DATA, "not base64 at position %zu", i);
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(acc >> bits);
		}
	}
	if (len % 4 == 1 || (acc & ((1u << bits) - 1)) != 0)
		return err_set(e, &ERR_BAD_DATA, "base64 text is cut short");
	*bytes = out;
	*bytes_len = n;
	return 0;
}
