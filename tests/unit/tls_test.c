/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says of itself. */
#include "lib/tls.h"
#include "tests/unit/tap.h"

#include <unistd.h>

#include "lib/clock.h"

int
main(void)
{
	char dir[] = "/tmp/gavel-tls-XXXXXX", cert[64], key[64];
	struct err e = ERR_NONE;
	wall_t ends = 0;
	bool covers;

	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	snprintf(cert, sizeof(cert), "%s/c.pem", dir);
	snprintf(key, sizeof(key), "%s/c.pem.key", dir);
	ok(tls_cert_read(cert, "a.example", &ends, &covers, &e) < 0, "no file, an error");
	ok(tls_make_self_signed(cert, key, "a.example", &e) == 0, "make one");
	ok(tls_cert_read(cert, "a.example", &ends, &covers, &e) == 0 && covers,
	   "it is for its name");
	ok(tls_cert_read(cert, "b.example", &ends, &covers, &e) == 0 && !covers,
	   "and for no other");
	ok(ends > clock_wall() + 365 * 86400 * SECOND_US, "it ends in years");
	ok(tls_cert_read(key, "a.example", &ends, &covers, &e) < 0, "a key is no certificate");
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return tap_done();
}
