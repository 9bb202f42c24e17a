/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading is strict in what it needs (version, cipher, sizes) and ignores the
 * rest: wallets add fields of their own. The MAC is compared before anything is
 * decrypted.
 */
#include "lease/keystore.h"

#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "lease/seal.h"

const struct code KEYSTORE_PASSWORD = { "wrong_password", DENIED, "the password is wrong" };
const struct code KEYSTORE_BAD = { "keystore_bad", INVALID,
				   "the file is not a version 3 key store" };

const struct code KEYSTORE_NO_ADDRESS = { "keystore_no_address", INVALID,
					  "the key store does not say whose it is" };

#define PBKDF2_ROUNDS_MAX 10000000u
#define LOG2_N_MIN	  1u
#define LOG2_N_MAX	  20u
#define FILE_MAX	  ((size_t)16 * 1024)

/* ------------------------------------------------------------------ */
/* The cipher.                                                         */

static void
aes_ctr(const uint8_t key[static 16], const uint8_t iv[static 16], const uint8_t in[static 32],
	uint8_t out[static 32])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &n, in, 32) != 1 || n != 32)
		fatal("aes-128-ctr");
	EVP_CIPHER_CTX_free(ctx);
}

static void
mac_of(const uint8_t derived[static 32], const uint8_t cipher[static 32], struct hash *mac)
{
	uint8_t text[16 + 32];

	memcpy(text, derived + 16, 16);
	memcpy(text + 16, cipher, 32);
	keccak256(text, sizeof(text), mac);
	explicit_bzero(text, sizeof(text));
}

/* ------------------------------------------------------------------ */
/* Reading.                                                            */

static const char *
text_of(const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);

	return v != NULL && v->type == JSON_STRING ? v->text : "";
}

/* 0 for what is not a number of at most 32 bits. */
static uint32_t
number_of(const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);
	unsigned long long n;
	char *end;

	if (v == NULL || v->type != JSON_NUMBER)
		return 0;
	n = strtoull(v->text, &end, 10);
	return *end == '\0' && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static int
derive_pbkdf2(const struct json *params, const char *password, const uint8_t *salt, size_t salt_len,
	      uint8_t out[static 32], struct err *e)
{
	uint32_t rounds = number_of(params, "c");

	if (strcmp(text_of(params, "prf"), "hmac-sha256") != 0)
		return err_set(e, &KEYSTORE_BAD, "prf \"%.20s\" is not known",
			       text_of(params, "prf"));
	if (rounds == 0 || rounds > PBKDF2_ROUNDS_MAX ||
	    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_len, (int)rounds,
			      EVP_sha256(), 32, out) != 1)
		return err_set(e, &KEYSTORE_BAD, "pbkdf2 of %u rounds is not possible", rounds);
	return 0;
}

static int
derive(const struct json *crypto, const char *password, uint8_t out[static 32], struct err *e)
{
	const struct json *params = json_get(crypto, "kdfparams");
	const char *kdf = text_of(crypto, "kdf"), *salt_text = text_of(params, "salt");
	uint8_t salt[64];
	size_t salt_len = strlen(salt_text) / 2;

	if (salt_len > sizeof(salt) || hex_read(salt_text, salt, salt_len, e) < 0 ||
	    number_of(params, "dklen") != 32)
		return err_set(e, &KEYSTORE_BAD, "kdfparams: salt or dklen");
	if (strcmp(kdf, "pbkdf2") == 0)
		return derive_pbkdf2(params, password, salt, salt_len, out, e);
	if (strcmp(kdf, "scrypt") != 0)
		return err_set(e, &KEYSTORE_BAD, "kdf \"%.20s\" is not known", kdf);
	if (seal_scrypt(password, salt, salt_len, number_of(params, "n"), number_of(params, "r"),
			number_of(params, "p"), out, e) < 0)
		return err_set(e, &KEYSTORE_BAD, "kdfparams: not possible or too costly");
	return 0;
}

static int
open_crypto(const struct json *crypto, const char *password, struct key *key, struct err *e)
{
	uint8_t derived[32], iv[16], cipher[32], secret[32];
	const char *cipher_text = text_of(crypto, "ciphertext");
	struct hash mac, want;
	int result;

	if (strcmp(text_of(crypto, "cipher"), "aes-128-ctr") != 0)
		return err_set(e, &KEYSTORE_BAD, "cipher \"%.20s\" is not known",
			       text_of(crypto, "cipher"));
	if (strlen(cipher_text) != 64 || hex_read(cipher_text, cipher, 32, e) < 0 ||
	    hex_read(text_of(json_get(crypto, "cipherparams"), "iv"), iv, sizeof(iv), e) < 0 ||
	    hex_read(text_of(crypto, "mac"), want.b, sizeof(want.b), e) < 0)
		return err_set(e, &KEYSTORE_BAD, "ciphertext, iv or mac");
	if (derive(crypto, password, derived, e) < 0)
		return -1;
	mac_of(derived, cipher, &mac);
	if (CRYPTO_memcmp(mac.b, want.b, sizeof(mac.b)) == 0) {
		aes_ctr(derived, iv, cipher, secret);
		result = key_from_secret(secret, key, e);
	} else {
		result = err_set(e, &KEYSTORE_PASSWORD, "the key store does not open");
	}
	explicit_bzero(derived, sizeof(derived));
	explicit_bzero(secret, sizeof(secret));
	return result;
}

int
keystore_open(struct arena *a, const char *text, size_t len, const char *password, struct key *key,
	      struct err *e)
{
	struct json *doc, *crypto;

	if (json_parse(a, text, len, &doc, e) < 0)
		return err_set(e, &KEYSTORE_BAD, "not JSON");
	crypto = json_get(doc, "crypto");
	if (crypto == NULL)
		crypto = json_get(doc, "Crypto");
	if (number_of(doc, "version") != 3 || crypto == NULL)
		return err_set(e, &KEYSTORE_BAD, "expected version 3 and crypto");
	return open_crypto(crypto, password, key, e);
}

static char *
file_read(struct arena *a, const char *path, size_t *len, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (f == NULL) {
		err_errno(e, "open %s", path);
		return NULL;
	}
	text = arena_alloc(a, FILE_MAX);
	*len = fread(text, 1, FILE_MAX, f);
	fclose(f);
	if (*len == FILE_MAX) {
		err_set(e, &KEYSTORE_BAD, "%s: more than %zu bytes", path, FILE_MAX - 1);
		return NULL;
	}
	return text;
}

int
keystore_read(const char *path, const char *password, struct key *key, struct err *e)
{
	struct arena a;
	size_t len;
	char *text;
	int result = -1;

	arena_init(&a, 0);
	text = file_read(&a, path, &len, e);
	if (text != NULL && keystore_open(&a, text, len, password, key, e) == 0)
		result = 0;
	else if (text != NULL)
		err_wrap(e, "%s", path);
	arena_release(&a);
	return result;
}

int
password_read(const char *path, char out[static PASSWORD_SIZE], struct err *e)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return err_errno(e, "open %s", path);
	if (fgets(out, PASSWORD_SIZE, f) == NULL)
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

int
keystore_load(const char *path, const char *password_file, struct key *key, struct err *e)
{
	char password[PASSWORD_SIZE];
	int result;

	if (password_read(password_file, password, e) < 0)
		return -1;
	result = keystore_read(path, password, key, e);
	explicit_bzero(password, sizeof(password));
	return result;
}

int
keystore_address(const char *path, struct address *out, struct err *e)
{
	struct json *doc;
	struct arena a;
	size_t len;
	char *text;
	int result = -1;

	arena_init(&a, 0);
	text = file_read(&a, path, &len, e);
	if (text != NULL && json_parse(&a, text, len, &doc, e) == 0) {
		if (doc->type == JSON_OBJECT && json_get(doc, "address") == NULL)
			result = err_set(e, &KEYSTORE_NO_ADDRESS, "\"address\" is not in it");
		else
			result = hex_read(text_of(doc, "address"), out->b, sizeof(out->b), e);
	}
	if (result < 0 && text != NULL)
		err_wrap(e, "%s", path);
	arena_release(&a);
	return result;
}

int
keystore_whose(const char *path, const char *password_file, struct address *out, struct err *e)
{
	struct key key;

	if (keystore_address(path, out, e) == 0)
		return 0;
	if (e->code != &KEYSTORE_NO_ADDRESS || password_file == NULL)
		return -1;
	*e = (struct err)ERR_NONE;
	if (keystore_load(path, password_file, &key, e) < 0)
		return -1;
	*out = key.address;
	key_release(&key);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Writing.                                                            */

static void
member_hex(struct jsonw *w, const char *name, const void *bytes, size_t len)
{
	char text[2 * 64 + 3];

	jsonw_member(w, name, "%s", hex_text(bytes, len, text) + 2);
}

static struct jsonw *
store_write(const struct key *key, const uint8_t salt[static 32], const uint8_t iv[static 16],
	    const uint8_t cipher[static 32], const struct hash *mac, uint64_t n)
{
	struct jsonw *w = jsonw_new(true);
	uint8_t uuid[16];

	random_bytes(uuid, sizeof(uuid));
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	jsonw_open(w, '{');
	member_hex(w, "address", key->address.b, 20);
	jsonw_name(w, "crypto");
	jsonw_open(w, '{');
	jsonw_member(w, "cipher", "aes-128-ctr");
	jsonw_name(w, "cipherparams");
	jsonw_open(w, '{');
	member_hex(w, "iv", iv, 16);
	jsonw_close(w, '}');
	member_hex(w, "ciphertext", cipher, 32);
	jsonw_member(w, "kdf", "scrypt");
	jsonw_name(w, "kdfparams");
	jsonw_open(w, '{');
	jsonw_name(w, "dklen");
	jsonw_int(w, 32);
	jsonw_name(w, "n");
	jsonw_int(w, (int64_t)n);
	jsonw_name(w, "p");
	jsonw_int(w, 1);
	jsonw_name(w, "r");
	jsonw_int(w, 8);
	member_hex(w, "salt", salt, 32);
	jsonw_close(w, '}');
	member_hex(w, "mac", mac->b, 32);
	jsonw_close(w, '}');
	jsonw_member(w, "id",
		     "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		     uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7],
		     uuid[8], uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
	jsonw_name(w, "version");
	jsonw_int(w, 3);
	jsonw_close(w, '}');
	return w;
}

/* The name must survive a power cut as well as the bytes. */
static int
directory_sync(const char *path, struct err *e)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;

	free(copy);
	failed = fd < 0 || fsync(fd) != 0;
	if (failed)
		err_errno(e, "sync the directory of %s", path);
	if (fd >= 0)
		close(fd);
	return failed ? -1 : 0;
}

/* link() and not rename(): it fails where the name is taken, so no key is ever
 * overwritten. */
static int
file_write(const char *path, const char *text, size_t len, struct err *e)
{
	char temporary[4096];
	int fd, failed;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%ld.new", path, (long)getpid()) >=
	    sizeof(temporary))
		return err_set(e, &ERR_TOO_BIG, "path of %zu bytes", strlen(path));
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "create %s", temporary);
	failed = write(fd, text, len) != (ssize_t)len || fsync(fd) != 0;
	failed = close(fd) != 0 || failed || link(temporary, path) != 0;
	if (failed)
		err_errno(e, "write %s", path);
	unlink(temporary);
	return failed ? -1 : directory_sync(path, e);
}

int
keystore_write(const char *path, const struct key *key, const char *password, unsigned log2_n,
	       struct err *e)
{
	uint8_t salt[32], iv[16], derived[32], cipher[32];
	struct hash mac;
	struct jsonw *w;
	const char *text;
	uint64_t n;
	size_t len;
	int result;

	if (log2_n < LOG2_N_MIN || log2_n > LOG2_N_MAX)
		return err_set(e, &KEYSTORE_BAD, "N = 2^%u: expected 2^%u to 2^%u", log2_n,
			       LOG2_N_MIN, LOG2_N_MAX);
	n = (uint64_t)1 << log2_n;
	random_bytes(salt, sizeof(salt));
	random_bytes(iv, sizeof(iv));
	if (seal_scrypt(password, salt, sizeof(salt), n, 8, 1, derived, e) < 0)
		return err_wrap(e, "keystore");
	aes_ctr(derived, iv, key->secret, cipher);
	mac_of(derived, cipher, &mac);
	explicit_bzero(derived, sizeof(derived));
	w = store_write(key, salt, iv, cipher, &mac, n);
	text = jsonw_text(w, &len);
	result = file_write(path, text, len, e);
	jsonw_free(w);
	return result;
}
