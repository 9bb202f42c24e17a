/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lease/evm.h"
#include "lease/keystore.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "provider/jail/gpus.h"
#include "provider/inventory.h"
#include "provider/jail/selfcheck.h"

#define CLOCK_FAULT_US (5 * SECOND_US)
#define LINES_MAX      64

enum verdict { PASS, WARN, FAIL };

struct line {
	const char *name, *detail, *cure;
	enum verdict verdict;
};

struct report {
	struct arena arena;
	struct line lines[LINES_MAX];
	size_t count;
	bool bad;
	struct inventory inventory;
	struct resources capacity;
};

static void
add(struct report *r, const char *name, enum verdict v, const char *detail, const char *cure)
{
	if (r->count < LINES_MAX)
		r->lines[r->count++] = (struct line){ name, detail, cure, v };
	r->bad = r->bad || v == FAIL;
}

static void
add_result(struct report *r, const char *name, int result, const struct err *e, const char *good,
	   const char *cure)
{
	bool fine = result == 0;

	add(r, name, fine ? PASS : FAIL, fine ? good : arena_strdup(&r->arena, e->text), cure);
}

/* ------------------------------------------------------------------ */
/* Who we are.                                                          */

static void
check_self(struct report *r, const struct provider_settings *s)
{
	struct err e = ERR_NONE;
	struct key key;
	char text[ADDRESS_TEXT_SIZE];
	int result;

	add(r, "settings", PASS, "read", NULL);
	add(r, "root", geteuid() == 0 ? PASS : FAIL, geteuid() == 0 ? "yes" : "no",
	    "sudo gavel-provider check: containers need root, the part that talks does not keep "
	    "it");
	add(r, "user", getpwnam(s->user) != NULL ? PASS : FAIL, s->user,
	    arena_printf(&r->arena, "useradd --system --shell /usr/sbin/nologin %s", s->user));
	result = keystore_load(s->key_file, s->password_file, &key, &e);
	add_result(r, "key", result, &e,
		   result == 0 ? arena_strdup(&r->arena, address_text(&key.address, text)) : "",
		   "key_file and password_file: a key store of gavel wallet new, and its password");
	if (result == 0)
		key_release(&key);
}

/* ------------------------------------------------------------------ */
/* Programs.                                                            */

static const char *
version_of(struct arena *a, const char *program, const char *flag)
{
	const char *argv[] = { program, flag, NULL };
	struct proc p = { .argv = argv, .timeout_us = 5 * SECOND_US };
	struct err e = ERR_NONE;
	const char *text;

	if (proc_now(a, &p, &e) < 0 || p.status == 127 || p.status == 126)
		return NULL;
	text = p.out_len > 0 ? p.out : p.err;
	return arena_strndup(a, text, strcspn(text, "\r\n"));
}

static void
check_program(struct report *r, const char *program, const char *flag, const char *cure)
{
	const char *version = version_of(&r->arena, program, flag);

	add(r, program, version != NULL ? PASS : FAIL, version != NULL ? version : "not found",
	    cure);
}

static void
check_programs(struct report *r, const struct provider_settings *s)
{
	check_program(r, "runc", "--version", "apt-get install runc");
	check_program(r, "skopeo", "--version", "apt-get install skopeo");
	check_program(r, "nft", "--version", "apt-get install nftables");
	check_program(r, "ip", "-V", "apt-get install iproute2");
	check_program(r, "mke2fs", "-V", "apt-get install e2fsprogs");
	if (s->ingress_http != 0 || s->ingress_https != 0)
		check_program(r, "haproxy", "-v",
			      "apt-get install haproxy; systemctl disable --now haproxy");
	if (s->acme_url != NULL)
		check_program(r, "lego", "--version", "apt-get install lego");
}

/* ------------------------------------------------------------------ */
/* The market, the chain, the clock.                                    */

static int
market_ask(struct arena *a, const struct provider_settings *s, struct json **doc, struct err *e)
{
	struct fetch f = { .url = arena_printf(a, "%s/.well-known/gavel", s->market_url),
			   .ca_path = s->market_ca,
			   .timeout_us = 5 * SECOND_US };

	if (fetch_now(a, &f, e) < 0 || fetch_check(a, &f, e) < 0)
		return -1;
	return json_parse(a, f.reply, f.reply_len, doc, e);
}

static const char *
member(const struct json *doc, const char *name)
{
	const struct json *v = json_get(doc, name);

	return v != NULL && (v->type == JSON_STRING || v->type == JSON_NUMBER) ? v->text : "";
}

static void
clock_add(struct report *r, const char *name, wall_t theirs, int64_t behind_max)
{
	int64_t ahead = theirs - clock_wall();
	char text[TIME_TEXT_SIZE];
	bool bad = ahead > CLOCK_FAULT_US || -ahead > behind_max;

	add(r, name, bad ? FAIL : PASS,
	    arena_printf(&r->arena, "our clock is %s %s",
			 duration_text(ahead > 0 ? ahead : -ahead, text),
			 ahead > 0 ? "behind" : "ahead"),
	    "run NTP: bids and vouchers carry times");
}

static void
check_market(struct report *r, const struct provider_settings *s)
{
	struct err e = ERR_NONE;
	struct address escrow;
	struct json *doc;
	wall_t theirs;
	int result = market_ask(&r->arena, s, &doc, &e);

	add_result(r, "market", result, &e, s->market_url, "market_url, market_ca, the network");
	if (result < 0)
		return;
	if (address_read(member(doc, "escrow"), &escrow, &e) < 0 ||
	    !address_equal(&escrow, &s->escrow) ||
	    strtoull(member(doc, "chain_id"), NULL, 10) != s->chain_id)
		add(r, "market's chain", FAIL,
		    arena_printf(&r->arena, "chain %s, escrow %s", member(doc, "chain_id"),
				 member(doc, "escrow")),
		    "chain_id and escrow must equal the market's");
	else
		add(r, "market's chain", PASS, "the same as in the settings", NULL);
	if (time_read(member(doc, "time"), &theirs, &e) == 0)
		clock_add(r, "clock, by the market", theirs, CLOCK_FAULT_US);
}

static int
escrow_ask(struct report *r, const struct provider_settings *s, struct evm *evm, struct err *e)
{
	static const struct hash none;
	struct escrow_lease state;
	const uint8_t *data;
	size_t len;

	/* An address without code answers every call with nothing. */
	if (evm_call_now(&r->arena, evm, &s->escrow, escrow_lease_state(&r->arena, &none), &data,
			 &len, e) < 0)
		return -1;
	return escrow_lease_read(data, len, &state)
		       ? 0
		       : err_set(e, &EVM_BAD_REPLY, "there is no escrow contract at this address");
}

static void
check_chain(struct report *r, const struct provider_settings *s)
{
	struct evm evm = s->evm;
	struct err e = ERR_NONE;
	struct evm_block block;
	char text[ADDRESS_TEXT_SIZE];
	struct json *doc;
	int result = evm_check_chain(&r->arena, &evm, &e);

	add_result(r, "chain", result, &e, evm_node_name(&r->arena, &evm, evm.first),
		   "rpc_url, chain_id, the network");
	if (result < 0)
		return;
	result = escrow_ask(r, s, &evm, &e);
	add_result(r, "escrow", result, &e, arena_strdup(&r->arena, address_text(&s->escrow, text)),
		   "escrow: the address that the market shows");
	/* Blocks are as old as they are; only one of the future tells something. */
	if (evm_now(&r->arena, &evm, rpc_block(&r->arena, "latest", 0), &doc, &e) == 0 &&
	    rpc_block_read(doc, &block, &e) == 0)
		clock_add(r, "clock, by the chain", (wall_t)block.time * SECOND_US, INT64_MAX);
}

/* ------------------------------------------------------------------ */
/* Ports.                                                               */

static bool
port_is_free(const char *listen, uint32_t port, int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;
	bool result;

	if (fd < 0 || inet_pton(AF_INET, listen, &at.sin_addr) != 1) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	result = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return result;
}

/* The agent has no root: the kernel must let anyone take the ports it needs. */
static void
check_low_ports(struct report *r, const struct provider_settings *s)
{
	/* At addresses of the leases' own, low ports are a wish; ours are not. */
	unsigned lowest = 1024, wished = s->ips.count > 0 ? 1 : 1024, allowed = 1024;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	char text[16];

	if (s->ingress_https != 0)
		lowest = MIN(lowest, s->ingress_https);
	if (s->ingress_http != 0)
		lowest = MIN(lowest, s->ingress_http);
	if (f != NULL && fgets(text, sizeof(text), f) != NULL)
		allowed = (unsigned)strtoul(text, NULL, 10);
	if (f != NULL)
		fclose(f);
	wished = MIN(wished, lowest);
	add(r, "low ports",
	    allowed <= wished	? PASS
	    : allowed <= lowest ? WARN
				: FAIL,
	    arena_printf(&r->arena, "the agent may open %u and up, needs %u", allowed, wished),
	    arena_printf(&r->arena, "sysctl -w net.ipv4.ip_unprivileged_port_start=%u", wished));
}

static void
check_ports(struct report *r, const struct provider_settings *s)
{
	uint32_t busy = 0, first = 0, end = s->endpoint_port_first + s->endpoint_port_count;
	bool gateway = port_is_free(s->listen, s->port, SOCK_STREAM);

	add(r, "gateway port", gateway ? PASS : FAIL,
	    arena_printf(&r->arena, "%s:%u%s", s->listen, s->port, gateway ? "" : " is in use"),
	    "stop what listens there (a provider that runs already?), or set port");
	for (uint32_t p = s->endpoint_port_first; p < end; p++)
		if (!port_is_free(s->listen, p, SOCK_STREAM)) {
			first = busy++ == 0 ? p : first;
		}
	add(r, "endpoint ports",
	    busy == 0			     ? PASS
	    : busy == s->endpoint_port_count ? FAIL
					     : WARN,
	    busy == 0 ? arena_printf(&r->arena, "%u to %u", s->endpoint_port_first, end - 1)
		      : arena_printf(&r->arena, "%u of %u are in use, the first is %u", busy,
				     s->endpoint_port_count, first),
	    "endpoint_port_first, endpoint_port_count: a range of your own");
	check_low_ports(r, s);
	for (size_t i = 0; i < s->ips.count; i++)
		add(r, "address", port_is_free(s->ips.items[i], 0, SOCK_DGRAM) ? PASS : FAIL,
		    s->ips.items[i], "ip address add it to an interface, or take it out of ips");
}

/* ------------------------------------------------------------------ */
/* The machine.                                                         */

static void
check_inventory(struct report *r, struct provider_settings *s)
{
	struct err e = ERR_NONE;
	int result = inventory_settle(&r->arena, s, &r->inventory, &e);

	r->capacity = s->capacity;
	add_result(r, "capacity", result, &e,
		   arena_printf(&r->arena,
				"%u of %u thousandths of CPUs, %llu of %llu MiB memory, %llu of "
				"%llu MiB disk, %llu MiB volumes, %u GPUs",
				s->capacity.cpu_milli, r->inventory.cpu_milli,
				(unsigned long long)s->capacity.memory_bytes >> 20,
				(unsigned long long)r->inventory.memory_bytes >> 20,
				(unsigned long long)s->capacity.storage_bytes >> 20,
				(unsigned long long)r->inventory.storage_bytes >> 20,
				(unsigned long long)s->capacity.persistent_bytes >> 20,
				s->capacity.gpus),
		   "sell less (capacity), keep less (reserve), or sell it twice (overcommit)");
}

static void
check_devices(struct report *r, const struct jail_config *config)
{
	struct err e = ERR_NONE;
	struct cdi_edits *edits;
	int result;

	if (config->gpu_count == 0)
		return;
	result = gpus_load(config, &r->arena, &edits, &e);
	add_result(r, "devices", result, &e,
		   arena_printf(&r->arena, "%zu in CDI specifications", config->gpu_count),
		   "generate specifications in /etc/cdi, without hooks");
}

static void
check_host(struct report *r, const struct jail_config *config)
{
	static struct selfcheck_result results[SELFCHECK_COUNT];

	(void)!selfcheck(config, &selfcheck_real, results);
	for (size_t i = 0; i < SELFCHECK_COUNT; i++)
		add(r, results[i].name,
		    results[i].ok      ? PASS
		    : results[i].fatal ? FAIL
				       : WARN,
		    results[i].ok ? results[i].promise : results[i].detail, results[i].cure);
}

/* ------------------------------------------------------------------ */
/* Printing.                                                            */

static const char *const words[] = { "pass", "warn", "FAIL" };

static void
print_text(const struct report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct line *l = &r->lines[i];

		printf("%s  %-20s %s\n", words[l->verdict], l->name, l->detail);
		if (l->verdict != PASS && l->cure != NULL)
			printf("      cure: %s\n", l->cure);
	}
}

static void
print_json(const struct report *r)
{
	struct jsonw *w = jsonw_new(true);

	jsonw_open(w, '{');
	jsonw_name(w, "ok");
	jsonw_bool(w, !r->bad);
	jsonw_name(w, "checks");
	jsonw_open(w, '[');
	for (size_t i = 0; i < r->count; i++) {
		const struct line *l = &r->lines[i];

		jsonw_open(w, '{');
		jsonw_member(w, "name", "%s", l->name);
		jsonw_member(w, "verdict", "%s", l->verdict == FAIL ? "fail" : words[l->verdict]);
		jsonw_member(w, "detail", "%s", l->detail);
		jsonw_name(w, "cure");
		jsonw_str(w, l->verdict != PASS ? l->cure : NULL);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_name(w, "inventory");
	jsonw_open(w, '{');
	jsonw_name(w, "cpu_milli");
	jsonw_int(w, r->inventory.cpu_milli);
	jsonw_name(w, "memory_bytes");
	jsonw_int(w, (int64_t)r->inventory.memory_bytes);
	jsonw_name(w, "storage_bytes");
	jsonw_int(w, (int64_t)r->inventory.storage_bytes);
	jsonw_name(w, "endpoints");
	jsonw_int(w, r->inventory.endpoints);
	jsonw_name(w, "gpus");
	jsonw_int(w, r->inventory.gpus);
	jsonw_close(w, '}');
	jsonw_name(w, "capacity");
	json_write(w, resources_fields, &r->capacity);
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	jsonw_free(w);
}

bool
check_run(struct provider_settings *s, const struct jail_config *config, bool json)
{
	static struct report r;

	arena_init(&r.arena, 0);
	check_self(&r, s);
	check_programs(&r, s);
	check_market(&r, s);
	check_chain(&r, s);
	check_ports(&r, s);
	check_inventory(&r, s);
	if (config != NULL) {
		check_devices(&r, config);
		check_host(&r, config);
	}
	if (json)
		print_json(&r);
	else
		print_text(&r);
	arena_release(&r.arena);
	return !r.bad;
}
