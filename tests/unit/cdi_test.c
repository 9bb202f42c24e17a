/* SPDX-License-Identifier: Apache-2.0 */
/* CDI specifications: what is taken from them, and what is refused. */
#include "deploy/cdi.h"
#include "tests/unit/tap.h"

static struct arena arena;

static int
read_spec(const char *text, struct cdi_spec *spec, struct err *e)
{
	*e = (struct err)ERR_NONE;
	return cdi_read(&arena, "test", text, strlen(text), spec, e);
}

static const char json[] =
	"{\"cdiVersion\":\"0.6.0\",\"kind\":\"acme.com/gpu\",\"annotations\":{\"a\":\"b\"},"
	"\"containerEdits\":{\"env\":[\"ALL=1\"],\"mounts\":[{\"hostPath\":\"/usr/lib/x.so\","
	"\"containerPath\":\"/usr/lib/x.so\",\"options\":[\"ro\",\"bind\"]}]},"
	"\"devices\":[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/"
	"acme0\","
	"\"hostPath\":\"/dev/real0\",\"type\":\"c\",\"major\":195,\"minor\":0,\"fileMode\":438,"
	"\"permissions\":\"rw\"}],\"env\":[\"ID=0\"]}},"
	"{\"name\":\"hooked\",\"containerEdits\":{\"hooks\":[{\"hookName\":\"createContainer\","
	"\"path\":\"/usr/bin/hook\",\"args\":[\"hook\",\"run\"]}]}}]}";

static const char yaml[] = "cdiVersion: 0.5.0\n"
			   "kind: acme.com/gpu\n"
			   "devices:\n"
			   "- name: 1\n"
			   "  containerEdits:\n"
			   "    deviceNodes:\n"
			   "    - path: /dev/acme1\n";

static void
test_good(void)
{
	struct cdi_edits edits;
	struct cdi_spec spec;
	struct err e;
	const struct cdi_node *n;
	const struct cdi_mount *m;

	is_int(read_spec(json, &spec, &e), 0, "a JSON specification");
	is_int(cdi_device(&arena, &spec, "acme.com/gpu=0", &edits, &e), 1, "has its device");
	n = edits.deviceNodes.items;
	m = edits.mounts.items;
	ok(edits.deviceNodes.count == 1 && strcmp(n->path, "/dev/acme0") == 0 &&
		   strcmp(n->hostPath, "/dev/real0") == 0,
	   "its node");
	ok(edits.mounts.count == 1 && strcmp(m->hostPath, "/usr/lib/x.so") == 0,
	   "the mount of all devices");
	ok(edits.env.count == 2 && strcmp(edits.env.items[0], "ALL=1") == 0 &&
		   strcmp(edits.env.items[1], "ID=0") == 0,
	   "the variables of all, then its own");
	is_int(cdi_device(&arena, &spec, "acme.com/gpu=9", &edits, &e), 0, "a device it has not");
	is_int(cdi_device(&arena, &spec, "acme.com/gp=0", &edits, &e), 0, "another kind");
	is_int(cdi_device(&arena, &spec, "acme.com/gpu=hooked", &edits, &e), -1, "a hook");
	ok(e.code == &CDI_BAD && strstr(e.text, "createContainer hook /usr/bin/hook") != NULL,
	   "is named: %s", e.text);
	is_int(read_spec(yaml, &spec, &e), 0, "a YAML specification");
	is_int(cdi_device(&arena, &spec, "acme.com/gpu=1", &edits, &e), 1, "has its device");
}

#define HEAD	   "{\"cdiVersion\":\"0.6.0\",\"kind\":\"acme.com/gpu\",\"devices\":[{\"name\":\"0\","
#define ONE(edits) HEAD "\"containerEdits\":{" edits "}}]}"

static const struct {
	const char *text, *says;
} bad[] = {
	{ "{", "" },
	{ "{\"cdiVersion\":\"0.9.0\",\"kind\":\"acme.com/gpu\",\"devices\":[{\"name\":\"0\","
	  "\"containerEdits\":{}}]}",
	  "0.3.0 to 0.6.0" },
	{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"acme.com/gpu\",\"devices\":[]}", "no device" },
	{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"gpu\",\"devices\":[{\"name\":\"0\","
	  "\"containerEdits\":{}}]}",
	  "vendor/class=name" },
	{ ONE("\"additionalGids\":[0]"), "additionalGids" },
	{ ONE("\"deviceNodes\":[{\"path\":\"/etc/x\"}]"), "below /dev" },
	{ ONE("\"deviceNodes\":[{\"path\":\"/dev/../x\"}]"), "plain" },
	{ ONE("\"deviceNodes\":[{\"path\":\"/dev/x\",\"permissions\":\"rx\"}]"), "letters" },
	{ ONE("\"deviceNodes\":[{\"path\":\"/dev/x\",\"type\":\"p\"}]"), "type b, c or u" },
	{ ONE("\"mounts\":[{\"hostPath\":\"x\",\"containerPath\":\"/x\"}]"), "plain" },
	{ ONE("\"mounts\":[{\"hostPath\":\"/x\",\"containerPath\":\"/proc/x\"}]"), "/proc" },
	{ ONE("\"mounts\":[{\"hostPath\":\"/proc\",\"containerPath\":\"/x\"}]"), "from /proc" },
	{ ONE("\"mounts\":[{\"hostPath\":\"/x\",\"containerPath\":\"/x\",\"type\":\"nfs\"}]"),
	  "type bind" },
	{ ONE("\"env\":[\"X\"]"), "NAME=value" },
	{ HEAD "\"containerEdits\":{}},{\"name\":\"0\",\"containerEdits\":{}}]}", "twice" },
};

static void
test_bad(void)
{
	struct cdi_spec spec;
	struct err e;

	for (size_t i = 0; i < NELEMS(bad); i++)
		ok(read_spec(bad[i].text, &spec, &e) < 0 && e.code == &CDI_BAD &&
			   strstr(e.text, bad[i].says) != NULL,
		   "refused: %s", e.text);
}

static void
test_names(void)
{
	static const char *const good[] = { "nvidia.com/gpu=0", "a/b=c", "amd.com/gpu=GPU-1:2.3",
					    "vendor.x-y/net_dev=all" };
	static const char *const wrong[] = { "",     "gpu=0",  "/gpu=0", "a/=0",    "a/b",
					     "a/b=", "-a/b=0", "a/b=0 ", "a/b=c/d", "a.com/b.c=0" };

	for (size_t i = 0; i < NELEMS(good); i++)
		ok(cdi_name_fault(good[i]) == NULL, "name %s", good[i]);
	for (size_t i = 0; i < NELEMS(wrong); i++)
		ok(cdi_name_fault(wrong[i]) != NULL, "no name: \"%s\"", wrong[i]);
}

int
main(void)
{
	arena_init(&arena, 0);
	test_good();
	test_bad();
	test_names();
	arena_release(&arena);
	return tap_done();
}
