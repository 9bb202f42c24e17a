/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/image/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "deploy/oci.h"
#include "lib/log.h"

#define FETCH_TIMEOUT (600 * SECOND_US)
#define FILE_SLACK    (UINT64_C(4) << 20) /* compressed again, or the config */
#define ARGS_MAX      16

const struct code IMAGE_NOT_FOUND = { "image_not_found", INVALID,
				      "the registry has no such image" };
const struct code IMAGE_UNAUTHORIZED = { "image_unauthorized", INVALID,
					 "the registry does not take the credentials" };
const struct code REGISTRY_REFUSED = { "registry_refused", INVALID,
				       "the provider does not ask registries at this address" };
const struct code IMAGE_REFUSED = { "image_refused", INVALID, "the image cannot be used" };

/* ------------------------------------------------------------------ */
/* References.                                                          */

const char *
reference_host(struct arena *a, const char *reference)
{
	size_t n = strcspn(reference, "/");
	const char *host = arena_strndup(a, reference, n);

	if (reference[n] == '/' && (strpbrk(host, ".:") != NULL || strcmp(host, "localhost") == 0))
		return host;
	return "docker.io";
}

bool
reference_digest(const char *reference, struct hash *out)
{
	const char *at = strchr(reference, '@');
	struct err ignored = ERR_NONE;

	return at != NULL && oci_digest_read(at + 1, out, &ignored) == 0;
}

const char *
reference_pin(struct arena *a, const char *reference, const struct hash *digest)
{
	char text[HASH_TEXT_SIZE];
	size_t len = strcspn(reference, "@");

	/* A colon after the last slash begins the tag. */
	for (size_t i = len; i-- > 0 && reference[i] != '/';)
		if (reference[i] == ':')
			len = i;
	return arena_printf(a, "%.*s@sha256:%s", (int)len, reference, hash_text(digest, text) + 2);
}

/* The reference's host as it is written, with its port, stands in the list. */
static bool
is_listed(const struct json_strs *list, const char *reference)
{
	size_t n = strcspn(reference, "/");

	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->items[i]) == n && strncmp(list->items[i], reference, n) == 0)
			return true;
	return false;
}

static bool
is_insecure(const struct registry_call *c)
{
	return is_listed(&c->agent->settings->insecure_registries, c->reference);
}

/* This machine itself is never a registry unless the settings say so. */
static int
host_check(struct arena *a, const struct registry_call *c, struct err *e)
{
	const struct provider_settings *s = c->agent->settings;
	const char *host = reference_host(a, c->reference);
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	const char *name =
		host[0] == '[' ? arena_strndup(a, host + 1, n - 2) : arena_strndup(a, host, n);

	if (strpbrk(c->reference, " \t\n") != NULL || c->reference[0] == '-')
		return err_set(e, &IMAGE_REFUSED, "image \"%.80s\"", c->reference);
	if (!gate_host_is_loopback(name) || is_insecure(c) ||
	    is_listed(&s->private_registries, c->reference))
		return 0;
	return err_set(e, &REGISTRY_REFUSED, "%.100s is not a public address", host);
}

/* ------------------------------------------------------------------ */
/* Credentials.                                                         */

static void
auth_remove(void *arg)
{
	unlink(arg);
}

/* A file like docker's config.json, which is what skopeo reads. */
static int
auth_write(struct task *t, struct registry_call *c)
{
	static unsigned number;
	char *path = arena_printf(&t->arena, "%s/agent/auth-%u.json", c->agent->settings->state_dir,
				  number++);
	const char *pair = arena_printf(&t->arena, "%s:%s", c->user, c->password);
	struct jsonw *w = jsonw_new(false);
	const char *text;
	size_t len;
	int fd, result = 0;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	jsonw_open(w, '{');
	jsonw_name(w, "auths");
	jsonw_open(w, '{');
	jsonw_name(w, c->host);
	jsonw_open(w, '{');
	jsonw_member(w, "auth", "%s", base64_text(&t->arena, pair, strlen(pair)));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	jsonw_close(w, '}');
	text = jsonw_text(w, &len);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		result = err_errno(&t->err, "write %s", path);
	jsonw_free(w);
	if (fd >= 0) {
		close(fd);
		/* Whatever becomes of the task, the file goes. */
		arena_defer(&t->arena, auth_remove, path);
		c->auth = path;
	}
	return result;
}

/* ------------------------------------------------------------------ */
/* skopeo.                                                              */

void
registry_begin(struct registry_call *c, struct agent *g, const struct service *s)
{
	*c = (struct registry_call){ .agent = g,
				     .reference = s->image,
				     .host = s->registry_host,
				     .user = s->registry_user,
				     .password = s->registry_password };
}

static int
child_enter(void *arg)
{
	struct registry_call *c = arg;
	struct rlimit size = { c->file_max, c->file_max };

	if (c->file_max != 0 && setrlimit(RLIMIT_FSIZE, &size) != 0)
		return -1;
	return gate_enter(&c->gate);
}

/* HOME decides where skopeo looks for credentials: nowhere but in our file. */
static enum next
skopeo(struct task *t, struct registry_call *c, const char *const *args, size_t count)
{
	struct arena *a = &t->arena;
	const char **argv = arena_alloc(a, (ARGS_MAX + 1) * sizeof(*argv));
	const char **env = arena_alloc(a, 7 * sizeof(*env));
	const struct provider_settings *s = c->agent->settings;
	const char *dir = s->state_dir;
	size_t n = 0;

	if (host_check(a, c, &t->err) < 0)
		return TASK_FAIL;
	if (c->user != NULL && c->password != NULL) {
		if (c->host == NULL || c->host[0] == '\0')
			c->host = reference_host(a, c->reference);
		if (auth_write(t, c) < 0)
			return TASK_FAIL;
	}
	argv[n++] = "skopeo";
	argv[n++] = "--insecure-policy";
	for (size_t i = 0; i < count && n < ARGS_MAX - 2; i++)
		if (args[i] != NULL)
			argv[n++] = args[i];
	if (c->auth != NULL) {
		argv[n++] = "--authfile";
		argv[n++] = c->auth;
	}
	env[0] = "PATH=/usr/local/bin:/usr/bin:/bin";
	env[1] = arena_printf(a, "HOME=%s/agent", dir);
	env[2] = arena_printf(a, "XDG_RUNTIME_DIR=%s/agent", dir);
	env[3] = arena_printf(a, "TMPDIR=%s/agent", dir);
	env[4] = arena_printf(a, "HTTPS_PROXY=http://127.0.0.1:%d", GATE_PORT);
	env[5] = arena_printf(a, "HTTP_PROXY=http://127.0.0.1:%d", GATE_PORT);
	c->gate = (struct gate){ .private_hosts = &s->private_registries,
				 .insecure_hosts = &s->insecure_registries,
				 .deny = &s->deny,
				 .host = reference_host(a, c->reference) };
	c->proc = (struct proc){ .argv = argv,
				 .env = env,
				 .timeout_us = FETCH_TIMEOUT,
				 .out_max = JSON_BYTES_MAX + 1,
				 .before_exec = child_enter,
				 .before_exec_arg = c };
	return proc_start(t, &c->proc);
}

enum next
registry_inspect(struct task *t, struct registry_call *c)
{
	const char *const args[] = { "inspect", "--raw",
				     is_insecure(c) ? "--tls-verify=false" : NULL,
				     arena_printf(&t->arena, "docker://%s", c->reference) };

	return skopeo(t, c, args, NELEMS(args));
}

enum next
registry_copy(struct task *t, struct registry_call *c, const char *layout, uint64_t file_max)
{
	const char *const args[] = { "copy",
				     "--remove-signatures",
				     "--quiet",
				     is_insecure(c) ? "--src-tls-verify=false" : NULL,
				     "--dest-shared-blob-dir",
				     arena_printf(&t->arena, "%s/blobs",
						  c->agent->settings->state_dir),
				     arena_printf(&t->arena, "docker://%s", c->reference),
				     arena_printf(&t->arena, "oci:%s:" REGISTRY_TAG, layout) };

	c->file_max = file_max + FILE_SLACK;
	log_info("image.fetching", "reference=%s", c->reference);
	return skopeo(t, c, args, NELEMS(args));
}

static bool
says(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(text, words[i]) != NULL)
			return true;
	return false;
}

/* skopeo's message, shortened to what a tenant can use. */
int
registry_check(struct registry_call *c, struct err *e)
{
	static const char *const absent[] = { "manifest unknown", "name unknown", "not found" };
	static const char *const away[] = { "connection refused", "no such host", "timeout",
					    "network is unreachable" };
	static const char *const denied[] = { "unauthorized",
					      "access denied",
					      "requested access",
					      "authentication required",
					      "invalid username/password",
					      "status 401",
					      "status 403" };
	const char *text = c->proc.err != NULL ? c->proc.err : "";

	if (c->auth != NULL)
		unlink(c->auth);
	c->auth = NULL;
	if (c->proc.status == 0)
		return 0;
	log_warn("registry.failed", "reference=%s text=\"%.300s\"", c->reference, text);
	if (strstr(text, GATE_REFUSED) != NULL)
		return err_set(e, &REGISTRY_REFUSED,
			       "image %.100s leads to an address that is not public", c->reference);
	if (says(text, denied, NELEMS(denied)))
		return err_set(e, &IMAGE_UNAUTHORIZED, "image %.120s: %s", c->reference,
			       c->user != NULL ? "the credentials are not taken"
					       : "the registry wants credentials");
	if (says(text, absent, NELEMS(absent)))
		return err_set(e, &IMAGE_NOT_FOUND, "image %.120s", c->reference);
	if (says(text, away, NELEMS(away)))
		return err_set(e, &ERR_UNREACHABLE, "the registry of image %.120s", c->reference);
	if (strstr(text, "digest") != NULL)
		return err_set(e, &IMAGE_REFUSED, "image %.120s is not what its digests say",
			       c->reference);
	return proc_check(&c->proc, e) < 0 ? err_wrap(e, "image %.100s", c->reference) : 0;
}
