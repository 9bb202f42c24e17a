/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for host names: files, and HAProxy told of each that is new or
 * has changed, without a reload.
 *
 *	the operator's   ingress_certs/NAME.pem: chain and key in one file
 *	our own          ingress/acme/certificates/HOST.pem, by lego with http-01
 *	                 through HAProxy itself, and again 30 days before the end
 *
 * A host that one of the operator's covers is not asked for. One question at a
 * time, the leases in turn, at most ROUTES_CERTS_MAX names of each: a tenant with
 * many names must not use up the time or the account of all. One that failed waits
 * twice as long as before: ACME servers count failures. Until there is one,
 * HAProxy answers with its self-signed default.
 */
#include "provider/ingress/proxy.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "provider/ingress/haproxy.h"

#define EVERY_US      (5 * SECOND_US)
#define LIMIT_US      (300 * SECOND_US)
#define LEGO_LIMIT_US (180 * SECOND_US)
#define RENEW_US      (30 * 86400 * SECOND_US)
#define RETRY_US      (300 * SECOND_US)
#define RETRY_MAX_US  (12 * 3600 * SECOND_US)
#define PEM_MAX	      (64 * 1024)

/* A file as HAProxy has it. */
struct known {
	struct known *next;
	char *path;
	struct timespec changed;
	off_t size;
};

/* A host that was asked for, and in vain. */
struct attempt {
	struct attempt *next;
	char *host;
	mono_t again_at;
	int64_t wait_us;
};

struct certs {
	struct proxy *proxy;
	struct timer *timer;
	struct known *known;
	struct attempt *attempts;
	const char *acme_dir;
	struct hash last; /* the lease asked for last */
	bool busy;
};

void
certs_forget(struct proxy *p)
{
	struct known *k;

	while (p->certs != NULL && (k = p->certs->known) != NULL) {
		p->certs->known = k->next;
		free(k->path);
		free(k);
	}
}

/* ------------------------------------------------------------------ */
/* Files.                                                              */

static void
scan(struct arena *a, const char *dir, struct json_strs *out)
{
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name);

		/* The name goes into a command of words. */
		if (len < 5 || strcmp(entry->d_name + len - 4, ".pem") != 0 ||
		    strpbrk(entry->d_name, " \t\n;<\\") != NULL)
			continue;
		out->items = arena_grow(a, out->items, out->count, sizeof(char *));
		out->items[out->count++] = arena_printf(a, "%s/%s", dir, entry->d_name);
	}
	if (d != NULL)
		closedir(d);
}

static struct known *
known_find(const struct certs *c, const char *path)
{
	struct known *k = c->known;

	while (k != NULL && strcmp(k->path, path) != 0)
		k = k->next;
	return k;
}

static bool
has_changed(const struct certs *c, const char *path, const struct stat *st)
{
	const struct known *k = known_find(c, path);

	return k == NULL || k->size != st->st_size || k->changed.tv_sec != st->st_mtim.tv_sec ||
	       k->changed.tv_nsec != st->st_mtim.tv_nsec;
}

static void
known_set(struct certs *c, const char *path, const struct stat *st)
{
	struct known *k = known_find(c, path);

	if (k == NULL) {
		k = xcalloc(1, sizeof(*k));
		k->path = xstrdup(path);
		k->next = c->known;
		c->known = k;
	}
	k->size = st->st_size;
	k->changed = st->st_mtim;
}

/* The file without its empty lines, which would end the payload. */
static const char *
pem_text(struct arena *a, const char *path)
{
	FILE *f = fopen(path, "re");
	char *text, line[1024];
	size_t len = 0;

	if (f == NULL)
		return NULL;
	text = arena_alloc(a, PEM_MAX + 1);
	while (fgets(line, sizeof(line), f) != NULL && len + strlen(line) < PEM_MAX) {
		if (strspn(line, " \t\r\n") == strlen(line))
			continue;
		memcpy(text + len, line, strlen(line) + 1);
		len += strlen(line);
	}
	fclose(f);
	return text;
}

/* ------------------------------------------------------------------ */
/* Who still needs one.                                                 */

static bool
covered(struct arena *a, const char *dir, const char *host)
{
	struct json_strs files = { NULL, 0 };

	scan(a, dir, &files);
	for (size_t i = 0; i < files.count; i++) {
		struct err ignored = ERR_NONE;
		wall_t ends;
		bool covers;

		if (tls_cert_read(files.items[i], host, &ends, &covers, &ignored) == 0 && covers)
			return true;
	}
	return false;
}

static struct attempt *
attempt_find(const struct certs *c, const char *host)
{
	struct attempt *at = c->attempts;

	while (at != NULL && strcmp(at->host, host) != 0)
		at = at->next;
	return at;
}

struct needs {
	const struct certs *certs;
	struct arena *arena;
};

static enum cert_need
need_of(void *arg, const char *host)
{
	const struct needs *n = arg;
	const struct certs *c = n->certs;
	const struct attempt *at = attempt_find(c, host);
	const char *path = arena_printf(n->arena, "%s/certificates/%s.pem", c->acme_dir, host);
	struct err ignored = ERR_NONE;
	wall_t ends;
	bool covers;

	if (covered(n->arena, c->proxy->agent->settings->ingress_certs, host))
		return CERT_NONE;
	if (at != NULL && clock_mono() < at->again_at)
		return CERT_LATER;
	return tls_cert_read(path, host, &ends, &covers, &ignored) < 0 || !covers ||
			       ends - clock_wall() < RENEW_US
		       ? CERT_NOW
		       : CERT_LATER;
}

/* Of hosts that are gone; not before their wait is over, or coming back would be
 * the way around it. */
static void
attempts_drop(struct certs *c, const struct host_route *routes, size_t count)
{
	struct attempt **p = &c->attempts, *at;

	while ((at = *p) != NULL) {
		if (clock_mono() < at->again_at || routes_have_host(routes, count, at->host)) {
			p = &at->next;
			continue;
		}
		*p = at->next;
		free(at->host);
		free(at);
	}
}

static void
attempt_end(struct certs *c, const char *host, bool good)
{
	struct attempt *at = attempt_find(c, host);

	if (at == NULL) {
		at = xcalloc(1, sizeof(*at));
		at->host = xstrdup(host);
		at->next = c->attempts;
		c->attempts = at;
	}
	at->wait_us = good || at->wait_us == 0 ? RETRY_US : MIN(2 * at->wait_us, RETRY_MAX_US);
	at->again_at = clock_mono() + at->wait_us;
}

/* ------------------------------------------------------------------ */
/* The task.                                                           */

struct work_certs {
	struct json_strs files;
	size_t file;
	struct stat st;
	struct haproxy_call call;
	struct proc lego;
	const char *host;
};

static enum next next_file(struct task *t);
static enum next ask_host(struct task *t);

static enum next
look_files(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;

	w->file = 0;
	w->files = (struct json_strs){ NULL, 0 };
	scan(&t->arena, c->proxy->agent->settings->ingress_certs, &w->files);
	scan(&t->arena, arena_printf(&t->arena, "%s/certificates", c->acme_dir), &w->files);
	return TASK_NEXT;
}

/* New, or changed: announced, filled in, put to work, in the list. */
static enum next
next_file(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;

	while (w->file < w->files.count && (stat(w->files.items[w->file], &w->st) != 0 ||
					    !has_changed(c, w->files.items[w->file], &w->st)))
		w->file++;
	if (w->file == w->files.count)
		return task_jump(t, ask_host);
	w->call.text = arena_printf(&t->arena, "new ssl cert %s\n", w->files.items[w->file]);
	return haproxy_ask(t, c->proxy->config.dir, &w->call);
}

static enum next
fill_file(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	const char *path = w->files.items[w->file], *pem = pem_text(&t->arena, path);

	if (w->call.err.code != NULL)
		return TASK_DONE; /* away: again when it is back */
	w->call.text =
		arena_printf(&t->arena, "set ssl cert %s <<\n%s\n", path, pem != NULL ? pem : "");
	return haproxy_ask(t, c->proxy->config.dir, &w->call);
}

static enum next
commit_file(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	const char *path = w->files.items[w->file], *dir = c->proxy->config.dir;

	if (w->call.err.code != NULL)
		return TASK_DONE;
	if (strstr(w->call.out, "ransaction created") == NULL &&
	    strstr(w->call.out, "ransaction updated") == NULL)
		log_warn("cert.refused", "file=%s error=\"%.*s\"", path,
			 (int)strcspn(w->call.out, "\n"), w->call.out);
	w->call.text =
		arena_printf(&t->arena, "commit ssl cert %s;add ssl crt-list %s/certs.txt %s\n",
			     path, dir, path);
	return haproxy_ask(t, dir, &w->call);
}

static enum next
committed(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	const char *path = w->files.items[w->file];

	if (w->call.err.code != NULL)
		return TASK_DONE;
	known_set(c, path, &w->st);
	if (strstr(w->call.out, "Success") != NULL)
		log_info("cert.loaded", "file=%s", path);
	return task_jump(t, next_file);
}

/* The lease after the one that was asked for last. */
static size_t
turn_of(const struct certs *c, const struct hash *leases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (hash_equal(&leases[i], &c->last))
			return i + 1;
	return 0;
}

/* One host that is due, if there is one. */
static enum next
ask_host(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	struct host_route *routes;
	struct needs needs = { c, &t->arena };
	struct hash *leases;
	size_t count, lease_count, lease;

	if (c->proxy->config.acme == 0 || c->proxy->pid == 0)
		return TASK_DONE;
	if (proxy_routes(c->proxy->agent, &t->arena, &routes, &count, &leases, &lease_count,
			 &t->err) < 0)
		return TASK_FAIL;
	attempts_drop(c, routes, count);
	w->host = routes_next_cert(routes, count, lease_count, turn_of(c, leases, lease_count),
				   need_of, &needs, &lease);
	if (w->host == NULL)
		return TASK_DONE;
	c->last = leases[lease];
	return TASK_NEXT;
}

static enum next
lego_run(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	const struct provider_settings *s = c->proxy->agent->settings;
	const char *words[] = { "lego",
				"--accept-tos",
				"--server",
				s->acme_url,
				"--email",
				s->acme_email,
				"--path",
				c->acme_dir,
				"--domains",
				w->host,
				"--http",
				"--http.port",
				arena_printf(&t->arena, "127.0.0.1:%u", c->proxy->config.acme),
				"--pem",
				"run",
				NULL };
	const char *env[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent",
		s->acme_ca != NULL ? arena_printf(&t->arena, "LEGO_CA_CERTIFICATES=%s", s->acme_ca)
				   : NULL,
		NULL
	};

	w->lego = (struct proc){ .argv = arena_copy(&t->arena, words, sizeof(words)),
				 .env = arena_copy(&t->arena, env, sizeof(env)),
				 .timeout_us = LEGO_LIMIT_US };
	return proc_start(t, &w->lego);
}

static enum next
lego_ended(struct task *t)
{
	struct work_certs *w = t->state;
	struct certs *c = t->owner;
	struct err e = ERR_NONE;
	bool good = proc_check(&w->lego, &e) == 0;

	attempt_end(c, w->host, good);
	if (good)
		log_info("cert.made", "host=%s", w->host);
	else
		log_warn("cert.failed", "host=%s error=\"%s\"", w->host, e.text);
	w->host = NULL;
	return task_jump(t, look_files);
}

static const struct step certs_steps[] = {
	{ "files", look_files },   { "next", next_file },      { "fill", fill_file },
	{ "commit", commit_file }, { "committed", committed }, { "host", ask_host },
	{ "lego", lego_run },	   { "ended", lego_ended },    STEP_END
};

static void
certs_done(struct task *t)
{
	struct certs *c = t->owner;

	c->busy = false;
	if (t->err.code != NULL)
		log_warn("certs.failed", "error=\"%s\"", t->err.text);
}

static void
certs_look(void *arg)
{
	struct certs *c = arg;

	if (c->busy || c->proxy->pid == 0)
		return;
	c->busy = true;
	task_new(&c->proxy->agent->loop, "certs", certs_steps, sizeof(struct work_certs), LIMIT_US,
		 certs_done, c);
}

void
certs_start(struct proxy *p)
{
	struct certs *c;

	if (p->config.https == 0)
		return;
	c = xcalloc(1, sizeof(*c));
	c->proxy = p;
	c->acme_dir = arena_printf(&p->arena, "%s/acme", p->config.dir);
	p->certs = c;
	if (mkdir(c->acme_dir, 0700) != 0 && errno != EEXIST)
		fatal("make %s: %s", c->acme_dir, strerror(errno));
	c->timer = timer_every(&p->agent->loop, EVERY_US, EVERY_US, certs_look, c);
}
