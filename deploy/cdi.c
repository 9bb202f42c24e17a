/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/cdi.h"

#include "lib/conf.h"

const struct code CDI_BAD = { "cdi_bad", INVALID, "the device's CDI specification cannot be used" };

#define LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT  "0123456789"
#define MAYBE  JSON_OPTIONAL

#define T struct cdi_node
static const struct json_field node_fields[] = {
	JSON_STR(T, path, 255, 0),	 JSON_STR(T, hostPath, 255, MAYBE),
	JSON_STR(T, type, 1, MAYBE),	 JSON_STR(T, permissions, 3, MAYBE),
	JSON_U32(T, major, 0, MAYBE),	 JSON_U32(T, minor, 0, MAYBE),
	JSON_U32(T, fileMode, 0, MAYBE), JSON_U32(T, uid, 0, MAYBE),
	JSON_U32(T, gid, 0, MAYBE),	 JSON_END
};
#undef T

#define T struct cdi_mount
static const struct json_field mount_fields[] = { JSON_STR(T, hostPath, 1024, 0),
						  JSON_STR(T, containerPath, 1024, 0),
						  JSON_STR(T, type, 16, MAYBE),
						  JSON_STRS(T, options, 16, MAYBE), JSON_END };
#undef T

#define T struct cdi_hook
static const struct json_field hook_fields[] = {
	JSON_STR(T, hookName, 64, 0),	JSON_STR(T, path, 1024, 0),
	JSON_STRS(T, args, 256, MAYBE), JSON_STRS(T, env, 256, MAYBE),
	JSON_U32(T, timeout, 0, MAYBE), JSON_END
};
#undef T

#define T struct cdi_edits
static const struct json_field edits_fields[] = {
	JSON_STRS(T, env, CDI_EDITS_MAX, MAYBE),
	JSON_LIST(T, deviceNodes, node_fields, struct cdi_node, CDI_EDITS_MAX, MAYBE),
	JSON_LIST(T, mounts, mount_fields, struct cdi_mount, CDI_EDITS_MAX, MAYBE),
	JSON_LIST(T, hooks, hook_fields, struct cdi_hook, CDI_EDITS_MAX, MAYBE), JSON_END
};
#undef T

#define T struct cdi_device
static const struct json_field device_fields[] = { JSON_STR(T, name, 128, 0),
						   JSON_NODE(T, annotations, MAYBE),
						   JSON_OBJ(T, containerEdits, edits_fields, 0),
						   JSON_END };
#undef T

#define T struct cdi_spec
static const struct json_field spec_fields[] = { JSON_STR(T, cdiVersion, 16, 0),
						 JSON_STR(T, kind, 128, 0),
						 JSON_NODE(T, annotations, MAYBE),
						 JSON_LIST(T, devices, device_fields,
							   struct cdi_device, CDI_DEVICES_MAX, 0),
						 JSON_OBJ(T, containerEdits, edits_fields, MAYBE),
						 JSON_END };
#undef T

/* ------------------------------------------------------------------ */
/* Names.                                                              */

static bool
word_is_good(const char *word, size_t len, const char *inside)
{
	if (len == 0 || len > 63 || strchr(LETTER DIGIT, word[0]) == NULL ||
	    strchr(LETTER DIGIT, word[len - 1]) == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr(LETTER DIGIT, word[i]) == NULL && strchr(inside, word[i]) == NULL)
			return false;
	return true;
}

const char *
cdi_name_fault(const char *device)
{
	size_t vendor = strcspn(device, "/"), class;
	const char *at = device + vendor;

	if (*at == '/' && word_is_good(device, vendor, "-_.")) {
		class = strcspn(++at, "=");
		if (at[class] == '=' && word_is_good(at, class, "-_") &&
		    word_is_good(at + class + 1, strlen(at + class + 1), "-_.:"))
			return NULL;
	}
	return "a device is named vendor/class=name, like nvidia.com/gpu=0";
}

/* ------------------------------------------------------------------ */
/* Rules.                                                              */

static bool
path_is_plain(const char *path)
{
	size_t len = strlen(path);

	return path[0] == '/' && len > 1 && path[len - 1] != '/' && strstr(path, "//") == NULL &&
	       strstr(path, "/./") == NULL && strstr(path, "/../") == NULL &&
	       strcmp(path + len - 2, "/.") != 0 &&
	       (len < 3 || strcmp(path + len - 3, "/..") != 0) && strpbrk(path, "\t\r\n") == NULL;
}

static bool
is_under(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static const char *
node_fault(const struct cdi_node *n)
{
	if (!path_is_plain(n->path) || strncmp(n->path, "/dev/", 5) != 0)
		return "a device node's path is absolute and plain, below /dev";
	if (n->hostPath != NULL && !path_is_plain(n->hostPath))
		return "a device node's hostPath is absolute and plain";
	if (n->permissions != NULL &&
	    (n->permissions[0] == '\0' || n->permissions[strspn(n->permissions, "rwm")] != '\0'))
		return "a device node's permissions are of the letters r, w and m";
	if (n->type != NULL && strchr("bcu", n->type[0]) == NULL)
		return "a device node is of type b, c or u";
	return NULL;
}

static const char *
mount_fault(const struct cdi_mount *m)
{
	const char *to = m->containerPath;

	if (!path_is_plain(m->hostPath) || !path_is_plain(to))
		return "both paths of a mount are absolute and plain";
	if (is_under(to, "/proc") || is_under(to, "/sys") || is_under(to, "/dev"))
		return "nothing is mounted under /proc, /sys or /dev";
	if (is_under(m->hostPath, "/proc") || is_under(m->hostPath, "/sys") ||
	    is_under(m->hostPath, "/dev"))
		return "nothing is mounted from /proc, /sys or /dev";
	if (m->type != NULL && strcmp(m->type, "bind") != 0 && m->type[0] != '\0')
		return "a mount is of type bind";
	return NULL;
}

static const char *
edits_fault(const struct cdi_edits *edits)
{
	const struct cdi_node *nodes = edits->deviceNodes.items;
	const struct cdi_mount *mounts = edits->mounts.items;
	const char *fault = NULL;

	for (size_t i = 0; i < edits->env.count && fault == NULL; i++)
		if (strchr(edits->env.items[i], '=') == NULL || edits->env.items[i][0] == '=')
			fault = "a variable is NAME=value";
	for (size_t i = 0; i < edits->deviceNodes.count && fault == NULL; i++)
		fault = node_fault(&nodes[i]);
	for (size_t i = 0; i < edits->mounts.count && fault == NULL; i++)
		fault = mount_fault(&mounts[i]);
	return fault;
}

static const char *
spec_fault(struct arena *a, const struct cdi_spec *spec)
{
	static const char *const versions[] = { "0.3.0", "0.4.0", "0.5.0", "0.6.0" };
	const struct cdi_device *d = spec->devices.items;
	const char *fault = NULL;
	size_t v = 0;

	while (v < NELEMS(versions) && strcmp(versions[v], spec->cdiVersion) != 0)
		v++;
	if (v == NELEMS(versions))
		return "cdiVersion must be 0.3.0 to 0.6.0";
	if (spec->devices.count == 0)
		return "there is no device in it";
	fault = edits_fault(&spec->containerEdits);
	for (size_t i = 0; i < spec->devices.count && fault == NULL; i++) {
		fault = cdi_name_fault(arena_printf(a, "%s=%s", spec->kind, d[i].name));
		for (size_t k = 0; k < i && fault == NULL; k++)
			if (strcmp(d[k].name, d[i].name) == 0)
				fault = "a device stands twice";
		if (fault == NULL)
			fault = edits_fault(&d[i].containerEdits);
	}
	return fault;
}

int
cdi_read(struct arena *a, const char *name, const char *text, size_t len, struct cdi_spec *out,
	 struct err *e)
{
	size_t blank = strspn(text, " \t\r\n");
	const char *fault;
	int result;

	*out = (struct cdi_spec){ .kind = NULL };
	/* YAML reads JSON too, but not as much of it, and not as strictly. */
	if (blank < len && text[blank] == '{')
		result = json_decode(a, text, len, spec_fields, out, e);
	else
		result = conf_parse(a, name, text, len, spec_fields, out, e);
	if (result < 0) {
		struct err why = *e;

		return err_field(e, &CDI_BAD, why.field, "%s: %s", name, why.text);
	}
	fault = spec_fault(a, out);
	return fault != NULL ? err_set(e, &CDI_BAD, "%s: %s", name, fault) : 0;
}

/* ------------------------------------------------------------------ */
/* One device.                                                         */

static struct json_list
joined(struct arena *a, const struct json_list *x, const struct json_list *y, size_t size)
{
	char *items = arena_alloc(a, (x->count + y->count + 1) * size);

	if (x->count > 0)
		memcpy(items, x->items, x->count * size);
	if (y->count > 0)
		memcpy(items + x->count * size, y->items, y->count * size);
	return (struct json_list){ items, x->count + y->count };
}

static struct json_strs
joined_strs(struct arena *a, const struct json_strs *x, const struct json_strs *y)
{
	struct json_list first = { x->items, x->count }, second = { y->items, y->count };
	struct json_list all = joined(a, &first, &second, sizeof(*x->items));

	return (struct json_strs){ all.items, all.count };
}

static int
hooks_refuse(const char *device, const struct cdi_edits *edits, struct err *e)
{
	const struct cdi_hook *h = edits->hooks.items;

	if (edits->hooks.count == 0)
		return 0;
	return err_set(e, &CDI_BAD,
		       "device %s wants the %.40s hook %.120s, which would run as root on the "
		       "host: generate its specification without hooks",
		       device, h->hookName, h->path);
}

int
cdi_device(struct arena *a, const struct cdi_spec *spec, const char *device, struct cdi_edits *out,
	   struct err *e)
{
	const struct cdi_device *d = spec->devices.items;
	const struct cdi_edits *all = &spec->containerEdits, *own;
	size_t kind = strlen(spec->kind), i = 0;

	if (strncmp(device, spec->kind, kind) != 0 || device[kind] != '=')
		return 0;
	while (i < spec->devices.count && strcmp(d[i].name, device + kind + 1) != 0)
		i++;
	if (i == spec->devices.count)
		return 0;
	own = &d[i].containerEdits;
	if (hooks_refuse(device, all, e) < 0 || hooks_refuse(device, own, e) < 0)
		return -1;
	*out = (struct cdi_edits){
		.env = joined_strs(a, &all->env, &own->env),
		.deviceNodes =
			joined(a, &all->deviceNodes, &own->deviceNodes, sizeof(struct cdi_node)),
		.mounts = joined(a, &all->mounts, &own->mounts, sizeof(struct cdi_mount)),
	};
	return 1;
}
