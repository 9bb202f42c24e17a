/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystore_test.c - the vectors of the Web3 Secret Storage definition (also
 * ethereum/tests KeyStoreTests), files of our own, of geth and of Foundry's cast, which
 * reads ours too, and files that are wrong. Run from the root; cast's part is skipped
 * where it is not installed.
 */
#include "lease/keystore.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#ifdef __aarch64__
#define CAST "lease/contracts/node_modules/@foundry-rs/cast-linux-arm64/bin/cast"
#else
#define CAST "lease/contracts/node_modules/@foundry-rs/cast-linux-amd64/bin/cast"
#endif

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
}

/* As geth keeps a key, N = 2^18 and r = 8: 256 MiB, a second. */
static void
test_heavy(void)
{
	const char *path = arena_printf(&arena, "%s/heavy.json", directory);
	struct err e = ERR_NONE;
	struct key key, got;

	key_new(&key);
	is_int(keystore_write(path, &key, "heavy", 18, &e), 0, "N = 2^18, r = 8: written");
	ok(keystore_read(path, "heavy", &got, &e) == 0 && memcmp(got.secret, key.secret, 32) == 0,
	   "and read: %s", e.code == NULL ? "" : e.text);
	unlink(path);
}

/* A file of geth's own tests, of 2016. */
static void
test_geth(void)
{
	static const char text[] =
		"{\"address\":\"7ef5a6135f1fd6a02593eedc869c6d41d934aef8\",\"crypto\":{\"cipher\":"
		"\"aes-128-ctr\",\"ciphertext\":"
		"\"1d0839166e7a15b9c1333fc865d69858b22df26815ccf601b28219b6192974e1\","
		"\"cipherparams\":{"
		"\"iv\":\"8df6caa7ff1b00c4e871f002cb7921ed\"},\"kdf\":\"scrypt\",\"kdfparams\":{"
		"\"dklen\":"
		"32,\"n\":8,\"p\":16,\"r\":8,\"salt\":"
		"\"e5e6ef3f4ea695f496b643ebd3f75c0aa58ef4070e90c80c5d3fb0241bf1595c\"},\"mac\":"
		"\"6d16dfde774845e4585357f24bce530528bc69f4f84e1e22880d34fa45c273e5\"},\"id\":"
		"\"950077c7-71e3-4c44-a4a1-143919141ed4\",\"version\":3}";
	struct err e = ERR_NONE;
	char address[ADDRESS_TEXT_SIZE];
	struct key key;

	if (ok(keystore_open(&arena, text, strlen(text), "foobar", &key, &e) == 0,
	       "a file of geth's: %s", e.code == NULL ? "" : e.text))
		is_str(address_text(&key.address, address),
		       "0x7EF5A6135f1FD6a02593eEdC869c6D41D934aef8", "its address");
}

/* What cast prints, or NULL when it fails. */
static const char *
cast(const char *arguments)
{
	FILE *f = popen(arena_printf(&arena, CAST " wallet %s 2>&1", arguments), "r");
	char *text = arena_alloc(&arena, 4096);
	size_t len;

	if (f == NULL)
		fatal("popen: %s", strerror(errno));
	len = fread(text, 1, 4095, f);
	text[len] = '\0';
	return pclose(f) == 0 ? text : NULL;
}

static void
test_cast(void)
{
	const char *theirs = arena_printf(&arena, "%s/theirs", directory);
	const char *ours = arena_printf(&arena, "%s/ours", directory);
	const char *password = arena_printf(&arena, "%s/password", directory);
	char text[HASH_TEXT_SIZE];
	struct err e = ERR_NONE;
	struct address address;
	struct key key;
	const char *said;
	FILE *f;

	if (access(CAST, X_OK) != 0) {
		ok(true, "# SKIP no cast");
		return;
	}
	said = cast(arena_printf(&arena,
				 "import theirs --keystore-dir %s --private-key %s "
				 "--unsafe-password 'p\xc3\xa4ss word'",
				 directory, SECRET));
	ok(said != NULL, "cast writes a key store");
	is_int(keystore_read(theirs, "p\xc3\xa4ss word", &key, &e), 0, "which we read");
	is_str(hex_text(key.secret, 32, text), SECRET, "with its key");
	ok(keystore_address(theirs, &address, &e) < 0 && e.code == &KEYSTORE_NO_ADDRESS,
	   "it does not say whose it is: %s", e.text);
	f = fopen(password, "we");
	ok(f != NULL && fputs("p\xc3\xa4ss word\n", f) >= 0 && fclose(f) == 0, "a password");
	e = (struct err)ERR_NONE;
	ok(keystore_whose(theirs, password, &address, &e) == 0 &&
		   address_equal(&address, &key.address),
	   "the password tells");
	ok(keystore_whose(theirs, NULL, &address, &e) < 0 && e.code == &KEYSTORE_NO_ADDRESS,
	   "without one, nobody");
	is_int(keystore_write(ours, &key, "another", 13, &e), 0, "ours");
	said = cast(arena_printf(
		&arena, "decrypt-keystore --keystore-dir %s ours --unsafe-password another",
		directory));
	ok(said != NULL && strstr(said, SECRET) != NULL, "cast reads them");
	said = cast(arena_printf(&arena,
				 "decrypt-keystore --keystore-dir %s ours --unsafe-password wrong",
				 directory));
	ok(said == NULL, "but not with another password");
	unlink(theirs);
	unlink(ours);
	unlink(password);
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
	test_heavy();
	test_geth();
	test_cast();
	ok(rmdir(directory) == 0, "nothing was left behind");
	arena_release(&arena);
	return tap_done();
}
