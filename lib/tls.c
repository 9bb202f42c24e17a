/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define YEARS_VALID 10

static int
tls_fail(struct err *e, const char *what)
{
	char reason[160] = "unknown reason";
	unsigned long number = ERR_get_error();

	if (number != 0)
		ERR_error_string_n(number, reason, sizeof(reason));
	ERR_clear_error();
	return err_set(e, &ERR_CONFIG, "%s: %s", what, reason);
}

struct tls *
tls_load(const char *cert_path, const char *key_path, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		fatal("out of memory");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		fatal("no TLS ciphers");
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1) {
		tls_fail(e, cert_path);
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1) {
		tls_fail(e, key_path);
		SSL_CTX_free(ctx);
		return NULL;
	}
	return (struct tls *)ctx;
}

static X509 *
self_signed(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject;
	uint8_t serial[8];
	int64_t number;

	if (cert == NULL)
		fatal("out of memory");
	random_bytes(serial, sizeof(serial));
	memcpy(&number, serial, sizeof(number));
	X509_set_version(cert, 2);
	ASN1_INTEGER_set_int64(X509_get_serialNumber(cert), number & INT64_MAX);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), YEARS_VALID * 365L * 86400);
	subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
				   -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	if (X509_sign(cert, key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

/* Write through a temporary name, so that a crash leaves no half file. */
static int
write_pem(const char *path, X509 *cert, EVP_PKEY *key, struct err *e)
{
	char temporary[512];
	FILE *f;
	int fd, done;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || (f = fdopen(fd, "w")) == NULL)
		return err_errno(e, "write %s", temporary);
	done = cert != NULL ? PEM_write_X509(f, cert)
			    : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	if (fflush(f) != 0 || fsync(fd) != 0)
		done = 0;
	fclose(f);
	if (done != 1 || rename(temporary, path) != 0)
		return err_errno(e, "write %s", path);
	return 0;
}

int
tls_make_self_signed(const char *cert_path, const char *key_path, const char *name, struct err *e)
{
	EVP_PKEY *key;
	X509 *cert;
	int result = -1;

	if (access(cert_path, R_OK) == 0 && access(key_path, R_OK) == 0)
		return 0;
	key = EVP_EC_gen("P-256");
	if (key == NULL)
		return tls_fail(e, "make a TLS key");
	cert = self_signed(key, name);
	if (cert == NULL)
		tls_fail(e, "make a certificate");
	else if (write_pem(key_path, NULL, key, e) == 0 && write_pem(cert_path, cert, NULL, e) == 0)
		result = 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	return result;
}

int
tls_pin(const struct tls *tls, struct hash *pin, struct err *e)
{
	X509 *cert = SSL_CTX_get0_certificate((const SSL_CTX *)tls);
	unsigned char *der = NULL;
	int len;

	if (cert == NULL)
		return tls_fail(e, "no certificate");
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0)
		return tls_fail(e, "read the certificate's key");
	sha256(der, (size_t)len, pin);
	OPENSSL_free(der);
	return 0;
}

void
tls_free(struct tls *tls)
{
	SSL_CTX_free((SSL_CTX *)tls);
}

int
tls_cert_read(const char *path, const char *host, wall_t *ends, bool *covers, struct err *e)
{
	FILE *f = fopen(path, "re");
	struct tm tm = { .tm_year = 0 };
	X509 *cert;
	int good;

	if (f == NULL)
		return err_errno(e, "read %s", path);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	if (cert == NULL)
		return tls_fail(e, path);
	good = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm);
	*ends = (wall_t)timegm(&tm) * SECOND_US;
	*covers = X509_check_host(cert, host, 0, 0, NULL) == 1;
	X509_free(cert);
	return good == 1 ? 0 : tls_fail(e, path);
}
