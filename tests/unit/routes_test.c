/* SPDX-License-Identifier: Apache-2.0 */
/* HAProxy's configuration and commands as text; whether HAProxy takes the
 * configuration when it is there. */
#include "provider/ingress/routes.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc.h"
#include "lib/tls.h"

static struct arena arena;
static const struct routes_config plain = {
	.dir = "/d", .address = "127.0.0.1", .http = 18080, .routes = 4, .connections = 100
};

static const struct route_target one[] = { { "10.0.0.2", 0, 80 } };
static const struct route_target two[] = { { "10.0.0.2", 0, 80 }, { "10.0.0.6", 1, 80 } };
static const char *const a_host[] = { "a.example" };
static const char *const b_hosts[] = { "b.example", "www.b.example" };

/* All commands, one to a line. */
static const char *
diff(struct host_route *routes, size_t count, const char *shown, bool *served)
{
	struct json_strs lines;
	struct err e = ERR_NONE;
	char *text = arena_strdup(&arena, "");

	if (routes_diff(&arena, &plain, routes, count, shown, &lines, served, &e) < 0)
		return e.code->name;
	for (size_t i = 0; i < lines.count; i++)
		text = arena_printf(&arena, "%s%s", text, lines.items[i]);
	for (char *p = text; *p != '\0'; p++)
		*p = *p == ';' ? '\n' : *p;
	return text;
}

#define NOTHING "\n\n\n1\n# be_id be_name srv_id srv_name srv_addr\n\n"

static void
test_diff(void)
{
	struct host_route a = { a_host, 1, one, 1, { .max_body_bytes = 0 }, 0, false };
	struct host_route b = { b_hosts, 2, two, 2, { .read_timeout_ms = 500 }, 0, false };
	struct host_route both[] = { a, b };
	static const char have_a[] = "0x1 a.example d0\n\n0x1 d0 1048576\n\n0x1 d0 60000\n\n"
				     "1\n# header\n"
				     "3 acme 1 acme 127.0.0.1 2 0 1\n"
				     "4 d0 1 s0-80 10.0.0.2 2 0 1\n\n";
	static const char resting[] = "0x1 a.example d0\n\n0x1 d0 1048576\n\n0x1 d0 60000\n\n"
				      "1\n4 d0 1 s0-80 10.0.0.2 0 1 1\n\n";
	static const char leaving[] = "\n\n\n1\n4 d0 1 s9-80 10.0.0.38 0 1 1\n\n";
	bool served;

	is_str(diff(NULL, 0, NOTHING, &served), "", "nothing wanted, nothing there");
	ok(served, "and that is served");
	is_str(diff(&a, 1, NOTHING, &served),
	       "add server d0/s0-80 10.0.0.2:80 check inter 2s downinter 100ms fall 2 rise 1 "
	       "maxconn 1000\n"
	       "enable health d0/s0-80\nenable server d0/s0-80\n"
	       "add map /d/bodies.map d0 1048576\nadd map /d/timeouts.map d0 60000\n"
	       "add map /d/hosts.map a.example d0\n",
	       "a first route: servers before names");
	ok(!served, "which is not served yet");
	is_str(diff(&a, 1, have_a, &served), "", "once there, no more to say");
	ok(served, "and it is served");
	is_str(diff(both, 2, have_a, &served),
	       "add server d1/s0-80 10.0.0.2:80 check inter 2s downinter 100ms fall 2 rise 1 "
	       "maxconn 1000\n"
	       "enable health d1/s0-80\nenable server d1/s0-80\n"
	       "add server d1/s1-80 10.0.0.6:80 check inter 2s downinter 100ms fall 2 rise 1 "
	       "maxconn 1000\n"
	       "enable health d1/s1-80\nenable server d1/s1-80\n"
	       "add map /d/bodies.map d1 1048576\nadd map /d/timeouts.map d1 500\n"
	       "add map /d/hosts.map b.example d1\nadd map /d/hosts.map www.b.example d1\n",
	       "a second one takes the next backend");
	is_str(diff(NULL, 0, have_a, &served),
	       "del map /d/hosts.map a.example\ndel map /d/bodies.map d0\n"
	       "del map /d/timeouts.map d0\nset server d0/s0-80 state maint\n"
	       "del server d0/s0-80\n",
	       "an ended lease: names before servers");
	ok(served, "what is only too much hinders nobody");
	is_str(diff(&a, 1, resting, &served), "enable health d0/s0-80\nenable server d0/s0-80\n",
	       "a server left half way is put to work");
	is_str(diff(NULL, 0, leaving, &served),
	       "shutdown sessions server d0/s9-80\ndel server d0/s9-80\n",
	       "who still talks to it later is cut off");
	ok(strstr(diff(&a, 1, leaving, &served), "hosts.map a.example d1") != NULL,
	   "a backend whose old server still goes is not taken");
	is_str(diff(&a, 1, "\n\n", &served), "bad_data", "an answer cut short is refused");
	is_str(diff(&a, 1, "Permission denied\n", &served), "bad_data", "and so is another one");
}

static void
test_twice(void)
{
	struct host_route both[] = { { a_host, 1, one, 1, { .max_body_bytes = 0 }, 0, false },
				     { a_host, 1, two, 2, { .max_body_bytes = 0 }, 0, false } };
	struct host_route many[8];
	const char *text;
	bool served;

	text = diff(both, 2, NOTHING, &served);
	ok(strstr(text, "hosts.map a.example d0") != NULL &&
		   strstr(text, "hosts.map a.example d1") == NULL,
	   "of two routes with one name the first has it");
	for (size_t i = 0; i < NELEMS(many); i++) {
		const char **host = arena_alloc(&arena, sizeof(*host));

		host[0] = arena_printf(&arena, "h%zu.example", i);
		many[i] = (struct host_route){ host, 1, one, 1, { .max_body_bytes = 0 }, 0, false };
	}
	is_str(diff(many, NELEMS(many), NOTHING, &served), "routes_full",
	       "more than there is room");
}

#define FULL                                                                                       \
	"0x1 h0.example d0\n0x1 h1.example d1\n0x1 h2.example d2\n0x1 h3.example d3\n\n"           \
	"0x1 d0 1048576\n0x1 d1 1048576\n0x1 d2 1048576\n0x1 d3 1048576\n\n"                       \
	"0x1 d0 60000\n0x1 d1 60000\n0x1 d2 60000\n0x1 d3 60000\n\n"                               \
	"1\n4 d0 1 s0-80 10.0.0.2 2 0 1\n4 d1 1 s0-80 10.0.0.2 2 0 1\n"                            \
	"4 d2 1 s0-80 10.0.0.2 2 0 1\n4 d3 1 s0-80 10.0.0.2 2 0 1\n\n"

/* Every backend is taken; then leases end and another one comes. */
static void
test_full(void)
{
	static const char *const names[] = { "h0.example", "h1.example", "h2.example", "h3.example",
					     "new.example" };
	struct host_route five[5],
		fresh = { &names[4], 1, two, 2, { .max_body_bytes = 0 }, 0, false };
	struct json_strs lines;
	struct err e = ERR_NONE;
	const char *text, *cut, *put;
	bool served;

	for (size_t i = 0; i < NELEMS(five); i++)
		five[i] = (struct host_route){ &names[i], 1,	one, 1, { .max_body_bytes = 0 },
					       0,	  false };
	ok(routes_diff(&arena, &plain, five, 5, FULL, &lines, &served, &e) < 0 &&
		   e.code == &ROUTES_FULL && lines.count == 0 && served,
	   "four are served, the fifth is not");
	ok(five[4].left_out && !five[0].left_out && !five[3].left_out, "and it is told which");
	e = (struct err)ERR_NONE;
	five[1] = five[4];
	ok(routes_diff(&arena, &plain, five, 4, FULL, &lines, &served, &e) == 0,
	   "one ended: there is room for one: %s", e.text);
	text = diff(five, 4, FULL, &served);
	ok(strstr(text, "hosts.map new.example d1") != NULL &&
		   strstr(text, "del map /d/hosts.map h1.example") != NULL,
	   "the backend it had");
	text = diff(&fresh, 1, FULL, &served);
	cut = strstr(text, "set server d0/s0-80 state maint");
	ok(strstr(text, "add map /d/hosts.map new.example d0") != NULL, "all ended: room again");
	ok(cut == NULL, "a server that it wants, too, stays");
	put = strstr(text, "add server d0/s1-80");
	cut = strstr(text, "del map /d/hosts.map h0.example");
	ok(put != NULL && cut != NULL && cut < put, "the old name goes before the new comes");
	ok(strstr(text, "del map /d/hosts.map h3.example") != NULL &&
		   strstr(text, "del server d3/s0-80") != NULL,
	   "and the rest goes");
}

/* A name says what it needs by its first letter. */
static enum cert_need
need(void *arg, const char *host)
{
	++*(unsigned *)arg;
	return host[0] == 'n' ? CERT_NONE : host[0] == 'l' ? CERT_LATER : CERT_NOW;
}

static void
test_certs(void)
{
	static const char *const many[] = { "l1", "n1", "l2", "l3", "l4",  "n2",
					    "l5", "l6", "l7", "l8", "due9" };
	static const char *const few[] = { "l1", "due2" }, *const ours[] = { "n1" };
	struct host_route routes[] = { { .hosts = many, .host_count = 11, .owner = 0 },
				       { .hosts = few, .host_count = 2, .owner = 1 },
				       { .hosts = ours, .host_count = 1, .owner = 2 },
				       { .hosts = few + 1, .host_count = 1, .owner = 2 } };
	unsigned asked = 0;
	const char *host;
	size_t owner = 9;

	host = routes_next_cert(routes, 4, 3, 0, need, &asked, &owner);
	ok(host == few[1] && owner == 1,
	   "a ninth name of one lease gets none, the next lease has its turn");
	host = routes_next_cert(routes, 4, 3, 2, need, &asked, &owner);
	ok(host == few[1] && owner == 2, "turns begin where they are told to");
	host = routes_next_cert(routes, 4, 3, 3, need, &asked, &owner);
	ok(host == few[1] && owner == 1, "and go round");
	host = routes_next_cert(routes, 1, 1, 0, need, &asked, &owner);
	ok(host == NULL, "alone it gets none either");
	routes[0].host_count = 10;
	routes[0].hosts = many + 1;
	host = routes_next_cert(routes, 1, 1, 0, need, &asked, &owner);
	ok(host == many[10] && owner == 0, "the eighth gets one; what others cover does not count");
	ok(routes_next_cert(routes, 0, 0, 0, need, &asked, &owner) == NULL, "no leases");
	ok(routes_have_host(routes, 4, "due2") && !routes_have_host(routes, 4, "x"),
	   "which names there are");
}

static void
test_classes(void)
{
	static const struct {
		const char *cases[3];
		uint32_t tries;
		char class;
	} rows[] = {
		{ { NULL }, 0, 'd' },	      { { "error", "timeout" }, 3, 'd' },
		{ { NULL }, 1, 'n' },	      { { NULL }, 2, 'o' },
		{ { "off" }, 0, 'n' },	      { { "error", "502" }, 0, 's' },
		{ { "404", "500" }, 0, 't' }, { { "429" }, 0, 'd' },
	};

	for (size_t i = 0; i < NELEMS(rows); i++) {
		struct host_route r = {
			a_host, 1, one, 1, { .next_tries = rows[i].tries }, 0, false
		};
		const char *cases[3];
		char want[2] = { rows[i].class }, got[2] = { 0 };

		memcpy(cases, rows[i].cases, sizeof(cases));
		r.options.next_cases.items = cases;
		while (r.options.next_cases.count < 3 && cases[r.options.next_cases.count] != NULL)
			r.options.next_cases.count++;
		got[0] = routes_class(&r);
		is_str(got, want, "class");
	}
}

static void
test_names(void)
{
	is_str(routes_own_host(&arena, "web", 0, "lea_01JF4Z8C0XVQ5WSM2T7E9KA3RB", "apps.example"),
	       "web-2t7e9ka3rb.apps.example", "a name of our own");
	is_str(routes_own_host(&arena, "web", 8080, "lea_01JF4Z8C0XVQ5WSM2T7E9KA3RB", "e.org"),
	       "web-8080-2t7e9ka3rb.e.org", "of a second port");
	{
		const char *name = routes_own_host(
			&arena, "a123456789b123456789c123456789d123456789e123456789f123456789",
			65535, "lea_01JF4Z8C0XVQ5WSM2T7E9KA3RB", "e.org");

		ok(strcspn(name, ".") <= 63, "a long one is still a label");
	}
	ok(routes_below("a.b.c", "b.c") && routes_below("b.c", "b.c"), "below a domain");
	ok(!routes_below("ab.c", "b.c") && !routes_below("c", "b.c"), "and not");
}

static void
test_config(void)
{
	struct routes_config c = plain;
	const char *mark, *other, *text = routes_config_text(&arena, &plain, &mark);
	char dir[] = "/tmp/gavel-routes-XXXXXX";
	struct err e = ERR_NONE;

	ok(strstr(text, mark) != NULL, "the mark stands in it");
	ok(strstr(text, "ssl crt-list") == NULL && strstr(text, "acme") == NULL,
	   "no TLS, no challenges unless asked for");
	c.http = 18081;
	(void)!routes_config_text(&arena, &c, &other);
	ok(strcmp(mark, other) != 0, "another configuration has another mark");
	ok(strstr(text, "%%") == NULL, "no doubled percent signs");

	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	c = (struct routes_config){ dir, "127.0.0.1", 18080, 18443, 18402, 64, 100 };
	text = routes_config_text(&arena, &c, &mark);
	{
		const char *cert = arena_printf(&arena, "%s/default.pem", dir);
		const char *script =
			arena_printf(&arena,
				     "cd %s && : >hosts.map && : >bodies.map && : >timeouts.map &&"
				     "echo %s >certs.txt && cat >cfg && exec haproxy -c -f cfg",
				     dir, cert);
		const char *argv[] = { "sh", "-c", script, NULL };
		const char *rm[] = { "rm", "-rf", dir, NULL };
		struct proc p = { .argv = argv, .input = text, .input_len = strlen(text) };
		struct proc q = { .argv = rm };

		if (tls_make_self_signed(cert, arena_printf(&arena, "%s.key", cert), "x", &e) < 0 ||
		    proc_now(&arena, &p, &e) < 0 || p.status == 127) {
			ok(true, "haproxy takes it # SKIP no haproxy");
		} else {
			ok(p.status == 0, "haproxy takes it");
			ok(strstr(p.err, "WARNING") == NULL, "without a warning");
			if (p.status != 0 || strstr(p.err, "WARNING") != NULL)
				printf("# %.900s\n", p.err);
		}
		(void)!proc_now(&arena, &q, &e);
	}
}

int
main(void)
{
	arena_init(&arena, 0);
	test_diff();
	test_twice();
	test_full();
	test_certs();
	test_classes();
	test_names();
	test_config();
	arena_release(&arena);
	return tap_done();
}
