/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of provider.yaml about ports, names and addresses. */
#include "provider/settings.h"
#include "tests/unit/tap.h"

#include <unistd.h>

static const char common[] =
	"market_url: http://127.0.0.1:1\nkey_file: k\npassword_file: p\ntag: t\n"
	"network: 10.86.0.0\nrpc_url: http://127.0.0.1:1\nchain_id: 1\n"
	"escrow: \"0x0000000000000000000000000000000000000001\"\n"
	"token: \"0x0000000000000000000000000000000000000002\"\n"
	"capacity: {cpu_milli: 1, memory_bytes: 1, storage_bytes: 1, gpus: 0, endpoints: 1}\n"
	"attributes: []\n"
	"card: {cpu_milli: \"1\", memory_mib: \"1\", storage_mib: \"1\", endpoint: \"1\"}\n";

static struct arena arena;

/* NULL: taken; else what is wrong. */
static const char *
read_settings(const char *more, struct provider_settings *s)
{
	char path[] = "/tmp/gavel-settings-XXXXXX";
	struct err e = ERR_NONE;
	int fd = mkstemp(path), result;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (f == NULL)
		fatal("mkstemp");
	fprintf(f, "%s%s", common, more);
	fclose(f);
	result = provider_settings_read(&arena, path, s, &e);
	unlink(path);
	return result == 0 ? NULL : arena_strdup(&arena, e.text);
}

int
main(void)
{
	static const struct {
		const char *more, *fault; /* part of the message; NULL: none */
	} rows[] = {
		{ "", NULL },
		{ "ingress_http: 80\ningress_https: 443\ningress_domain: apps.example.org\n",
		  NULL },
		{ "ingress_domain: \"*.example.org\"\n", "ingress_domain" },
		{ "ingress_domain: Apps.example.org\n", "ingress_domain" },
		{ "ingress_http: 65536\n", "ingress_http" },
		{ "ingress_http: 80\nacme_url: https://a\nacme_email: a@b\n", NULL },
		{ "ingress_http: 80\nacme_url: https://a\n", "acme_email" },
		{ "ingress_https: 443\nacme_url: https://a\nacme_email: a@b\n", "ingress_http" },
		{ "ips: [192.0.2.10]\nlisten: 192.0.2.1\n", NULL },
		{ "ips: [192.0.2.10]\n", "not 0.0.0.0" },
		{ "ips: [192.0.2.10]\nlisten: 192.0.2.1\ningress_address: 0.0.0.0\n",
		  "not 0.0.0.0" },
		{ "ips: [192.0.2.0/24]\nlisten: 192.0.2.1\n", "is not an IPv4 address" },
		{ "price_program: [/usr/bin/price, -v]\nprice_fallback: card\n", NULL },
		{ "price_program: [price]\n", "not an absolute path" },
		{ "price_timeout_ms: 0\n", "at least 1" },
		{ "price_fallback: guess\n", "decline or card" },
		{ "spot: {discount_bp: 3000, notice_s: 30s, keep_s: 24h}\n", NULL },
		{ "spot: {floors: [{class: nvidia/a100, floor: \"5\"}]}\n", NULL },
		{ "spot: {floors: [{class: cpu, floor: \"0\"}]}\n", "a floor is above 0" },
		{ "spot: {floors: [{class: a b, floor: \"5\"}]}\n", "a class is" },
		{ "spot: {notice_s: 601}\n", "notice_s" },
		{ "tenants: {deny: [me]}\n", "tenants/deny" },
		{ "tenants: {factor_bp: [{tenant: "
		  "\"0x0000000000000000000000000000000000000001\", bp: 0}]}\n",
		  "a factor is 1" },
		{ "ips: [\"fd00::1\"]\nlisten: 192.0.2.1\n", "is not an IPv4 address" },
	};
	struct provider_settings s;

	arena_init(&arena, 0);
	for (size_t i = 0; i < NELEMS(rows); i++) {
		const char *fault = read_settings(rows[i].more, &s);
		char *what = arena_strdup(&arena, rows[i].more);

		for (char *p = what; *p != '\0'; p++)
			*p = *p == '\n' ? ' ' : *p;

		ok(rows[i].fault == NULL ? fault == NULL
					 : fault != NULL && strstr(fault, rows[i].fault) != NULL,
		   "%s", what[0] != '\0' ? what : "the least");
		if ((fault == NULL) != (rows[i].fault == NULL))
			printf("#   %s\n", fault != NULL ? fault : "taken");
	}
	is_str(read_settings("ips: [192.0.2.10, 192.0.2.11]\nlisten: 192.0.2.1\n", &s), NULL,
	       "two addresses");
	is_int(s.capacity.ips, 2, "are what may be sold");
	is_int(s.dns_port, 8453, "names by default");
	arena_release(&arena);
	return tap_done();
}
