/* SPDX-License-Identifier: Apache-2.0 */
#include "oci.h"

#include <errno.h>

const struct code OCI_BAD = { "image_bad", INVALID, "the image does not follow the OCI format" };
const struct code OCI_TOO_BIG = { "image_too_big", LIMIT, "the image is larger than allowed" };
const struct code OCI_PLATFORM = { "image_platform", INVALID,
				   "the image has no variant for linux/amd64" };

#define REF_NAME     "org.opencontainers.image.ref.name"
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int
oci_digest_read(const char *text, struct hash *out, struct err *e)
{
	static const char prefix[] = "sha256:";
	size_t len = sizeof(prefix) - 1;

	if (strncmp(text, prefix, len) != 0 || strspn(text + len, "0123456789abcdef") != 64 ||
	    text[len + 64] != '\0')
		return err_set(e, &OCI_BAD, "digest \"%.80s\" is not sha256", text);
	return hex_read(text + len, out->b, sizeof(out->b), e);
}

/* ------------------------------------------------------------------ */
/* Members with a form.                                                */

/* The string member, or `missing` when it is not there or null. */
static int
string_member(const struct json *object, const char *name, const char *missing, const char **out,
	      struct err *e)
{
	const struct json *v = json_get(object, name);

	if (v == NULL || v->type == JSON_NULL) {
		*out = missing;
		return 0;
	}
	/* A NUL inside would cut the text short after it was checked. */
	if (v->type != JSON_STRING || strlen(v->text) != v->text_len)
		return err_field(e, &OCI_BAD, name, "%s is not a plain string", name);
	*out = v->text;
	return 0;
}

static int
strings_member(struct arena *a, const struct json *object, const char *name, size_t most,
	       struct json_strs *out, struct err *e)
{
	const struct json *v = json_get(object, name);

	*out = (struct json_strs){ NULL, 0 };
	if (v == NULL || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY || v->count > most)
		return err_field(e, &OCI_BAD, name, "%s is not a list of at most %zu strings", name,
				 most);
	out->items = arena_alloc(a, (v->count + 1) * sizeof(*out->items));
	for (const struct json *s = v->first; s != NULL; s = s->next) {
		if (s->type != JSON_STRING || strlen(s->text) != s->text_len)
			return err_field(e, &OCI_BAD, name, "%s holds more than plain strings",
					 name);
		out->items[out->count++] = s->text;
	}
	return 0;
}

static int
object_parse(struct arena *a, const char *what, const char *text, size_t len, struct json **out,
	     struct err *e)
{
	if (len > OCI_TEXT_MAX)
		return err_set(e, &OCI_TOO_BIG, "%s of %zu bytes", what, len);
	if (json_parse(a, text, len, out, e) < 0)
		return err_wrap(e, "%s", what);
	if ((*out)->type != JSON_OBJECT)
		return err_set(e, &OCI_BAD, "%s is not an object", what);
	return 0;
}

static int
size_read(const struct json *v, uint64_t *out, struct err *e)
{
	char *end;

	if (v == NULL || v->type != JSON_NUMBER || v->text_len > 18 ||
	    strspn(v->text, "0123456789") != v->text_len)
		return err_field(e, &OCI_BAD, "size", "size is not a whole number");
	*out = strtoull(v->text, &end, 10);
	return 0;
}

static int
blob_read(const struct json *object, struct oci_blob *out, struct err *e)
{
	const char *digest;

	if (object == NULL || object->type != JSON_OBJECT)
		return err_set(e, &OCI_BAD, "a descriptor is missing");
	if (string_member(object, "digest", "", &digest, e) < 0 ||
	    oci_digest_read(digest, &out->digest, e) < 0)
		return -1;
	return size_read(json_get(object, "size"), &out->size, e);
}

/* ------------------------------------------------------------------ */

/* The descriptors of an index, or NULL. */
static const struct json *
index_list(const struct json *doc)
{
	const struct json *list = json_get(doc, "manifests");

	return list != NULL && list->type == JSON_ARRAY ? list : NULL;
}

static bool
is_ours(const struct json *descriptor)
{
	const struct json *platform = json_get(descriptor, "platform"), *os, *arch;

	if (platform == NULL || platform->type != JSON_OBJECT)
		return false;
	os = json_get(platform, "os");
	arch = json_get(platform, "architecture");
	return os != NULL && os->type == JSON_STRING && strcmp(os->text, "linux") == 0 &&
	       arch != NULL && arch->type == JSON_STRING && strcmp(arch->text, "amd64") == 0;
}

int
oci_choose(struct arena *a, const char *text, size_t len, struct oci_blob *manifest, struct err *e)
{
	const struct json *list, *version;
	struct json *doc;

	if (object_parse(a, "manifest", text, len, &doc, e) < 0)
		return -1;
	version = json_get(doc, "schemaVersion");
	if (version == NULL || version->type != JSON_NUMBER || strcmp(version->text, "2") != 0)
		return err_set(e, &OCI_BAD,
			       "the manifest is not of schema version 2: push the image again "
			       "with a tool of this decade");
	list = index_list(doc);
	if (list == NULL)
		return json_get(doc, "layers") != NULL
			       ? 0
			       : err_set(e, &OCI_BAD, "neither an index nor a manifest");
	for (const struct json *d = list->first; d != NULL; d = d->next)
		if (d->type == JSON_OBJECT && is_ours(d))
			return blob_read(d, manifest, e) < 0 ? -1 : 1;
	return err_set(e, &OCI_PLATFORM, "%zu variants, none for linux/amd64", list->count);
}

static bool
is_tagged(const struct json *descriptor, const char *tag)
{
	const struct json *notes = json_get(descriptor, "annotations"), *name;

	if (notes == NULL || notes->type != JSON_OBJECT)
		return false;
	name = json_get(notes, REF_NAME);
	return name != NULL && name->type == JSON_STRING && strcmp(name->text, tag) == 0;
}

int
oci_index(struct arena *a, const char *text, size_t len, const char *tag, struct oci_blob *manifest,
	  struct err *e)
{
	const struct json *list, *found = NULL;
	struct json *doc;

	if (object_parse(a, "index", text, len, &doc, e) < 0)
		return -1;
	list = index_list(doc);
	if (list == NULL)
		return err_set(e, &OCI_BAD, "the index lists no manifests");
	for (const struct json *d = list->first; d != NULL; d = d->next) {
		if (d->type != JSON_OBJECT || (list->count > 1 && !is_tagged(d, tag)))
			continue;
		if (found != NULL)
			return err_set(e, &OCI_BAD, "the index has two manifests tagged %s", tag);
		found = d;
	}
	if (found == NULL)
		return err_set(e, &OCI_BAD, "the index has no manifest tagged %s", tag);
	return blob_read(found, manifest, e);
}

static int
layer_read(const struct json *l, struct oci_blob *out, struct err *e)
{
	static const char *const types[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
	};
	const struct json *urls;
	const char *type;

	if (blob_read(l, out, e) < 0 || string_member(l, "mediaType", "", &type, e) < 0)
		return -1;
	urls = json_get(l, "urls");
	if (urls != NULL && urls->type != JSON_NULL && urls->count != 0)
		return err_set(e, &OCI_BAD, "it lies outside of the registry");
	for (size_t i = 0; i < NELEMS(types); i++)
		if (strcmp(type, types[i]) == 0)
			return 0;
	return err_set(e, &OCI_BAD, "\"%.80s\" is not a kind of layer that is taken", type);
}

int
oci_manifest(struct arena *a, const char *text, size_t len, struct oci_manifest *out, struct err *e)
{
	const struct json *layers;
	struct json *doc;

	if (object_parse(a, "manifest", text, len, &doc, e) < 0)
		return -1;
	*out = (struct oci_manifest){ .layer_count = 0 };
	if (blob_read(json_get(doc, "config"), &out->config, e) < 0)
		return err_wrap(e, "manifest: config");
	if (out->config.size > OCI_TEXT_MAX)
		return err_set(e, &OCI_TOO_BIG, "image config of %llu bytes",
			       (unsigned long long)out->config.size);
	layers = json_get(doc, "layers");
	if (layers == NULL || layers->type != JSON_ARRAY)
		return err_set(e, &OCI_BAD, "the manifest lists no layers");
	if (layers->count > OCI_LAYERS_MAX)
		return err_set(e, &OCI_TOO_BIG, "%zu layers, at most %u are taken", layers->count,
			       OCI_LAYERS_MAX);
	for (const struct json *l = layers->first; l != NULL; l = l->next) {
		struct oci_blob *blob = &out->layers[out->layer_count];

		if (layer_read(l, blob, e) < 0)
			return err_wrap(e, "manifest: layer %zu", out->layer_count);
		/* At most 127 sizes of 18 digits: no overflow in 64 bits. */
		out->layer_bytes = MIN(out->layer_bytes + blob->size, UINT64_MAX / 256);
		out->layer_count++;
	}
	return 0;
}

static int
diffs_read(struct arena *a, const struct json *doc, struct image_config *out, struct err *e)
{
	const struct json *rootfs = json_get(doc, "rootfs");
	struct json_strs list;

	if (rootfs == NULL || rootfs->type == JSON_NULL)
		return 0;
	if (rootfs->type != JSON_OBJECT)
		return err_set(e, &OCI_BAD, "\"rootfs\" is not an object");
	if (strings_member(a, rootfs, "diff_ids", OCI_LAYERS_MAX, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (oci_digest_read(list.items[i], &out->diffs[out->diff_count++], e) < 0)
			return err_wrap(e, "diff id %zu", i);
	return 0;
}

int
oci_config(struct arena *a, const char *text, size_t len, struct image_config *out, struct err *e)
{
	const char *os, *arch;
	const struct json *config;
	struct json *doc, none = { .type = JSON_OBJECT };

	if (object_parse(a, "image config", text, len, &doc, e) < 0 ||
	    string_member(doc, "os", "linux", &os, e) < 0 ||
	    string_member(doc, "architecture", "amd64", &arch, e) < 0)
		return -1;
	if (strcmp(os, "linux") != 0 || strcmp(arch, "amd64") != 0)
		return err_set(e, &OCI_PLATFORM,
			       "the image is for %.20s/%.20s, this machine is linux/amd64", os,
			       arch);
	config = json_get(doc, "config");
	if (config == NULL || config->type == JSON_NULL)
		config = &none;
	if (config->type != JSON_OBJECT)
		return err_set(e, &OCI_BAD, "image config: \"config\" is not an object");
	*out = (struct image_config){ .user = "" };
	if (strings_member(a, config, "Entrypoint", BUNDLE_ARGS_MAX, &out->entrypoint, e) < 0 ||
	    strings_member(a, config, "Cmd", BUNDLE_ARGS_MAX, &out->cmd, e) < 0 ||
	    strings_member(a, config, "Env", BUNDLE_ENV_MAX, &out->env, e) < 0 ||
	    string_member(config, "User", "", &out->user, e) < 0 ||
	    string_member(config, "WorkingDir", "/", &out->workdir, e) < 0 ||
	    diffs_read(a, doc, out, e) < 0)
		return err_wrap(e, "image config");
	if (out->workdir[0] == '\0')
		out->workdir = "/";
	return 0;
}

/* ------------------------------------------------------------------ */
/* Image and service to process.                                       */

static bool
same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return len == strcspn(b, "=") && strncmp(a, b, len) == 0;
}

/* Put `pair` in the place of the one of its name, or at the end. */
static void
env_set(const char **env, size_t *count, const char *pair)
{
	for (size_t i = 0; i < *count; i++)
		if (same_name(env[i], pair)) {
			env[i] = pair;
			return;
		}
	env[(*count)++] = pair;
}

static void
append(const char **args, size_t *count, const struct json_strs *more)
{
	for (size_t i = 0; i < more->count; i++)
		args[(*count)++] = more->items[i];
}

int
oci_process(struct arena *a, const struct image_config *image, const struct service *service,
	    struct bundle_process *out, struct err *e)
{
	size_t args_most = image->entrypoint.count + image->cmd.count + service->command.count +
			   service->args.count;
	const char **args = arena_alloc(a, (args_most + 1) * sizeof(*args));
	const char **env =
		arena_alloc(a, (image->env.count + service->env.count + 2) * sizeof(*env));
	size_t arg_count = 0, env_count = 0;

	append(args, &arg_count,
	       service->command.count != 0 ? &service->command : &image->entrypoint);
	if (service->args.count != 0)
		append(args, &arg_count, &service->args);
	else if (service->command.count == 0)
		append(args, &arg_count, &image->cmd);
	env_set(env, &env_count, DEFAULT_PATH);
	for (size_t i = 0; i < image->env.count; i++)
		env_set(env, &env_count, image->env.items[i]);
	for (size_t i = 0; i < service->env.count; i++)
		env_set(env, &env_count, service->env.items[i]);
	out->args = args;
	out->arg_count = arg_count;
	out->env = env;
	out->env_count = env_count;
	out->cwd = image->workdir;
	return bundle_process_check(out, e);
}

/* ------------------------------------------------------------------ */
/* Users.                                                              */

/* Unsigned, decimal, all of it, below the size of the id range: an overflow
 * here once made other runtimes start the workload as root. */
static bool
number_read(const char *text, size_t len, uint32_t *out)
{
	uint32_t v = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	*out = v;
	return v < BUNDLE_IDS;
}

static bool
is_number(const char *text, size_t len)
{
	return len != 0 && strspn(text, "0123456789") >= len;
}

/* Field n of a colon-separated line that ends at a line end or NUL. */
static const char *
line_field(const char *line, unsigned n, size_t *len)
{
	for (; n > 0; n--) {
		line += strcspn(line, ":\n");
		if (*line != ':') {
			*len = 0;
			return line;
		}
		line++;
	}
	*len = strcspn(line, ":\n");
	return line;
}

/* The line of a passwd or group file whose field `key_field` is `key`. */
static const char *
line_find(const char *file, unsigned key_field, const char *key, size_t key_len)
{
	for (const char *line = file; line != NULL && *line != '\0';) {
		size_t len, line_len = strcspn(line, "\n");
		const char *field = line_field(line, key_field, &len);

		if (len == key_len && memcmp(field, key, len) == 0)
			return line;
		line += line_len + (line[line_len] == '\n');
	}
	return NULL;
}

static int
user_find(const char *name, size_t len, const char *passwd, uint32_t *uid, uint32_t *gid,
	  struct err *e)
{
	bool numeric = is_number(name, len);
	const char *line = line_find(passwd, numeric ? 2 : 0, name, len), *field;
	size_t field_len;

	*gid = 0;
	if (numeric && !number_read(name, len, uid))
		return err_field(e, &BUNDLE_BAD, "/user", "user %.*s is out of range",
				 (int)MIN(len, (size_t)40), name);
	if (line == NULL && numeric)
		return 0;
	if (line == NULL)
		return err_field(e, &BUNDLE_BAD, "/user", "the image has no user \"%.*s\"",
				 (int)MIN(len, (size_t)40), name);
	field = line_field(line, 2, &field_len);
	if (!number_read(field, field_len, uid))
		return err_field(e, &BUNDLE_BAD, "/user", "the image's passwd file: bad uid");
	field = line_field(line, 3, &field_len);
	if (!number_read(field, field_len, gid))
		return err_field(e, &BUNDLE_BAD, "/user", "the image's passwd file: bad gid");
	return 0;
}

static int
group_find(const char *name, const char *group, uint32_t *gid, struct err *e)
{
	size_t len = strlen(name), field_len;
	const char *line, *field;

	if (is_number(name, len)) {
		if (number_read(name, len, gid))
			return 0;
		return err_field(e, &BUNDLE_BAD, "/user", "group %.40s is out of range", name);
	}
	line = line_find(group, 0, name, len);
	if (line == NULL)
		return err_field(e, &BUNDLE_BAD, "/user", "the image has no group \"%.40s\"", name);
	field = line_field(line, 2, &field_len);
	if (!number_read(field, field_len, gid))
		return err_field(e, &BUNDLE_BAD, "/user", "the image's group file: bad gid");
	return 0;
}

int
oci_user(const char *user, const char *passwd, const char *group, uint32_t *uid, uint32_t *gid,
	 struct err *e)
{
	size_t len = strcspn(user, ":");

	*uid = *gid = 0;
	if (len != 0 && user_find(user, len, passwd, uid, gid, e) < 0)
		return -1;
	if (user[len] == ':' && user[len + 1] != '\0')
		return group_find(user + len + 1, group, gid, e);
	return 0;
}
