/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystore_test.c - the vectors of the Web3 Secret Storage definition (also
 * ethereum/tests KeyStoreTests), files of our own, and files that are wrong.
 */
#include "lease/keystore.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static struct arena arena;
static char directory[] = "/tmp/keystore_test.XXXXXX";

static const char pbkdf2_text[] =
	"{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"
	"\"6087dab2f9fdbbfaddc31a909735c1e6\"},\"ciphertext\":"
	"\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\",\"kdf\":\"pbkdf2\","
	"\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\",\"salt\":"
	"\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},\"mac\":"
	"\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},"
	"\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";

/* N = 2^18 with r = 1: what OpenSSL's scrypt refuses. */
static const char scrypt_text[] =
	"{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":"
	"\"83dbcc02d8ccb40e466191a123791e0e\"},\"ciphertext\":"
	"\"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c\",\"kdf\":\"scrypt\","
	"\"kdfparams\":{\"dklen\":32,\"n\":262144,\"r\":1,\"p\":8,\"salt\":"
	"\"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19\"},\"mac\":"
	"\"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097\"},"
	"\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";

#define SECRET "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"

static void
test_published(void)
{
	static const char *const texts[] = { pbkdf2_text, scrypt_text };

	for (size_t i = 0; i < NELEMS(texts); i++) {
		struct err e = ERR_NONE;
		char text[HASH_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
		struct key key;
		int result =
			keystore_open(&arena, texts[i], strlen(texts[i]), "testpassword", &key, &e);

		is_str(result == 0 ? hex_text(key.secret, 32, text) : e.text, SECRET,
		       i == 0 ? "the pbkdf2 vector" : "the scrypt vector");
		is_str(address_text(&key.address, address),
		       "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b", "its address");
		result =
			keystore_open(&arena, texts[i], strlen(texts[i]), "testpasswore", &key, &e);
		ok(result < 0 && e.code == &KEYSTORE_PASSWORD, "a wrong password is told");
	}
}

static const char *
edited(const char *from, const char *to)
{
	const char *at = strstr(pbkdf2_text, from);

	if (at == NULL)
		fatal("the case edits nothing: %s", from);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - pbkdf2_text), pbkdf2_text, to,
			    at + strlen(from));
}

static void
test_wrong(void)
{
	static const struct {
		const char *from, *to;
		const struct code *code;
	} cases[] = {
		{ "\"version\":3", "\"version\":1", &KEYSTORE_BAD },
		{ "\"version\":3", "\"version\":\"3\"", &KEYSTORE_BAD },
		{ "\"crypto\":", "\"krypto\":", &KEYSTORE_BAD },
		{ "aes-128-ctr", "aes-128-cbc", &KEYSTORE_BAD },
		{ "\"pbkdf2\"", "\"argon2id\"", &KEYSTORE_BAD },
		{ "hmac-sha256", "hmac-sha512", &KEYSTORE_BAD },
		{ "\"dklen\":32", "\"dklen\":16", &KEYSTORE_BAD },
		{ "\"c\":262144", "\"c\":0", &KEYSTORE_BAD },
		{ "\"c\":262144", "\"c\":10000001", &KEYSTORE_BAD },
		{ "\"c\":262144", "\"c\":4294967295", &KEYSTORE_BAD },
		{ "\"c\":262144", "\"c\":99999999999999999999", &KEYSTORE_BAD },
		{ "6087dab2", "6087da", &KEYSTORE_BAD },
		{ "5318b4d5", "5318b4d50000", &KEYSTORE_BAD },
		{ "517ead92", "xx7ead92", &KEYSTORE_BAD },
		{ "517ead92", "517ead93", &KEYSTORE_PASSWORD },
		{ "5318b4d5", "5318b4d6", &KEYSTORE_PASSWORD },
		{ "ae3cd4e7", "ae3cd4e8", &KEYSTORE_PASSWORD },
		{ "ae3cd4e7", "ae3cd4e", &KEYSTORE_BAD },
		{ "\"kdfparams\"", "\"kdf_params\"", &KEYSTORE_BAD },
		{ "{\"crypto\"", "\"crypto\"", &KEYSTORE_BAD },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		const char *text = edited(cases[i].from, cases[i].to);
		struct err e = ERR_NONE;
		struct key key;

		ok(keystore_open(&arena, text, strlen(text), "testpassword", &key, &e) < 0 &&
			   e.code == cases[i].code,
		   "%s instead of %s: %s", cases[i].to, cases[i].from, e.text);
	}
}

static void
test_files(void)
{
	const char *path = arena_printf(&arena, "%s/key.json", directory);
	struct err e = ERR_NONE;
	struct key key, other, got;
	struct address address;
	struct stat st;

	key_new(&key);
	key_new(&other);
	is_int(keystore_write(path, &key, "p\xc3\xa4ss", 4, &e), 0, "a new file");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "only the owner reads it");
	is_int(keystore_read(path, "p\xc3\xa4ss", &got, &e), 0, "is read again");
	ok(memcmp(got.secret, key.secret, 32) == 0 && address_equal(&got.address, &key.address),
	   "and holds the key");
	ok(keystore_address(path, &address, &e) == 0 && address_equal(&address, &key.address),
	   "the address needs no password");
	ok(keystore_read(path, "pass", &got, &e) < 0 && e.code == &KEYSTORE_PASSWORD &&
		   strstr(e.text, "key.json") != NULL,
	   "another password does not open it, and the error names the file");
	ok(keystore_write(path, &other, "x", 4, &e) < 0 && strstr(e.text, strerror(EEXIST)) != NULL,
	   "it is not overwritten: %s", e.text);
	ok(keystore_address(path, &address, &e) == 0 && address_equal(&address, &key.address),
	   "the key is still there");
	is_int(keystore_write(arena_printf(&arena, "%s/none/key", directory), &key, "x", 4, &e), -1,
	       "no such directory");
	is_int(keystore_write(arena_printf(&arena, "%s/b", directory), &key, "x", 64, &e), -1,
	       "N = 2^64 is refused");
	is_int(keystore_write(arena_printf(&arena, "%s/b", directory), &key, "x", 0, &e), -1,
	       "N = 1 is refused");
	ok(keystore_read(arena_printf(&arena, "%s/b", directory), "x", &got, &e) < 0,
	   "a missing file is an error");
	unlink(path);
	ok(rmdir(directory) == 0, "and nothing was left behind");
}

int
main(void)
{
	arena_init(&arena, 0);
	if (mkdtemp(directory) == NULL)
		fatal("mkdtemp: %s", strerror(errno));
	test_published();
	test_wrong();
	test_files();
	arena_release(&arena);
	return tap_done();
}
