/* SPDX-License-Identifier: Apache-2.0 */
/* compose_write.c - what was read of a compose file, as a deployment file. */
#include "deploy/compose_read.h"

#include "lib/text.h"
#include "lib/yaml_format.h"

#define CPU_INVENTED	"0.5"
#define MEMORY_INVENTED "512Mi"
#define DISK_INVENTED	"1Gi"
#define VOLUME_INVENTED "10Gi"
#define RAM_INVENTED	"64Mi"
#define PRICE_INVENTED	"\"0.05\""

static const char *
quoted(const struct compose_reader *r, const char *text)
{
	return yaml_scalar(r->arena, text, strlen(text));
}

static void
strs_write(const struct compose_reader *r, struct text *t, const char *indent, const char *key,
	   const struct json_strs *s)
{
	if (s->count == 0)
		return;
	text_addf(t, "%s%s:\n", indent, key);
	for (size_t i = 0; i < s->count; i++)
		text_addf(t, "%s  - %s\n", indent, quoted(r, s->items[i]));
}

static bool
needs(const struct compose_service *s, const char *given)
{
	for (size_t i = 0; i < s->needs.count; i++)
		if (strcmp(s->needs.items[i], given) == 0)
			return true;
	return false;
}

/* Those that depend on it; without any, it is open to all others. */
static void
neighbours_write(const struct compose_reader *r, struct text *t, const struct compose_service *s)
{
	bool any = false;

	for (size_t i = 0; i < r->service_count; i++)
		if (needs(&r->services[i], s->given) && &r->services[i] != s) {
			if (!any)
				text_add(t, "        to:\n");
			any = true;
			text_addf(t, "          - service: %s\n", r->services[i].name);
		}
}

static bool
has_dependents(const struct compose_reader *r, const struct compose_service *s)
{
	for (size_t i = 0; i < r->service_count; i++)
		if (needs(&r->services[i], s->given) && &r->services[i] != s)
			return true;
	return false;
}

static void
port_write(const struct compose_reader *r, struct text *t, const struct compose_service *s,
	   const struct compose_port *p)
{
	const char *proto = p->udp ? "        proto: udp\n" : "";

	if (p->global) {
		text_addf(t, "      - port: %u%s\n", p->target,
			  p->http && p->published != 80 && p->target != 80
				  ? " # invented: taken for HTTP"
				  : "");
		if (p->http && p->target != 80)
			text_add(t, "        as: 80\n");
		else if (!p->http && p->published != 0 && p->published != p->target)
			text_addf(t, "        as: %u\n", p->published);
		text_addf(t, "%s        to:\n          - global: true\n", proto);
	}
	/* Neighbours know it by the port inside. */
	if (!p->global || has_dependents(r, s)) {
		text_addf(t, "      - port: %u%s\n%s", p->target,
			  p->invented ? " # invented: the usual port of this image" : "", proto);
		neighbours_write(r, t, s);
	}
}

static void
service_write(const struct compose_reader *r, struct text *t, const struct compose_service *s)
{
	const struct compose_volume *v = s->volumes.items;

	text_addf(t, "  %s:\n    image: %s\n", s->name, quoted(r, s->image));
	strs_write(r, t, "    ", "command", &s->command);
	strs_write(r, t, "    ", "args", &s->args);
	strs_write(r, t, "    ", "env", &s->env);
	if (s->port_count > 0)
		text_add(t, "    expose:\n");
	for (size_t i = 0; i < s->port_count; i++)
		port_write(r, t, s, &s->ports[i]);
	if (s->volumes.count > 0)
		text_add(t, "    params:\n      storage:\n");
	for (size_t i = 0; i < s->volumes.count; i++) {
		text_addf(t, "        %s:\n          mount: %s\n", v[i].name, quoted(r, v[i].path));
		if (v[i].readonly)
			text_add(t, "          readOnly: true\n");
	}
}

static const char *
size_text(const struct compose_reader *r, uint64_t bytes)
{
	if (bytes % (UINT64_C(1) << 30) == 0)
		return arena_printf(r->arena, "%lluGi", (unsigned long long)(bytes >> 30));
	if (bytes % (UINT64_C(1) << 20) == 0)
		return arena_printf(r->arena, "%lluMi", (unsigned long long)(bytes >> 20));
	return arena_printf(r->arena, "%llu", (unsigned long long)bytes);
}

static void
volume_write(const struct compose_reader *r, struct text *t, const struct compose_volume *v)
{
	const char *invented = v->kind == VOLUME_RAM ? RAM_INVENTED : VOLUME_INVENTED;

	text_addf(t, "          - name: %s\n", v->name);
	if (v->bytes != 0)
		text_addf(t, "            size: %s\n", size_text(r, v->bytes));
	else
		text_addf(t, "            size: %s # invented\n",
			  v->kind == VOLUME_DISK ? DISK_INVENTED : invented);
	if (v->kind == VOLUME_KEPT)
		text_add(t, "            attributes:\n              persistent: true\n");
	else if (v->kind == VOLUME_RAM)
		text_add(t, "            attributes:\n              persistent: false\n"
			    "              class: ram\n");
}

static void
compute_write(const struct compose_reader *r, struct text *t, const struct compose_service *s)
{
	const struct compose_volume *v = s->volumes.items;

	text_addf(t, "    %s:\n      resources:\n        cpu:\n", s->name);
	if (s->cpu_milli != 0)
		text_addf(t, "          units: %um\n", s->cpu_milli);
	else
		text_add(t, "          units: " CPU_INVENTED " # invented\n");
	text_add(t, "        memory:\n");
	if (s->memory != 0)
		text_addf(t, "          size: %s\n", size_text(r, s->memory));
	else
		text_add(t, "          size: " MEMORY_INVENTED " # invented\n");
	text_add(t, "        storage:\n          - size: " DISK_INVENTED " # invented\n");
	for (size_t i = 0; i < s->volumes.count; i++)
		volume_write(r, t, &v[i]);
	if (s->gpus > 0)
		text_addf(t,
			  "        gpu:\n          units: %u\n          attributes:\n"
			  "            vendor:\n              nvidia:\n",
			  s->gpus);
}

static bool
has_own(const struct compose_service *s)
{
	return s->health.given || s->readonly || s->stop_s != 0 || s->restart != NULL;
}

static void
own_write(const struct compose_reader *r, struct text *t, const struct compose_service *s)
{
	const struct compose_health *h = &s->health;

	text_addf(t, "    %s:\n", s->name);
	if (s->readonly)
		text_add(t, "      readonly: true\n");
	if (s->stop_s != 0)
		text_addf(t, "      stop: %us\n", s->stop_s);
	if (s->restart != NULL)
		text_addf(t, "      restart: %s\n", s->restart);
	if (!h->given)
		return;
	text_add(t, "      health:\n");
	strs_write(r, t, "        ", "command", &h->command);
	text_addf(t, "        every: %us\n        timeout: %us\n        failures: %u\n", h->every_s,
		  h->timeout_s, h->failures);
	if (h->grace_s != 0)
		text_addf(t, "        grace: %us\n", h->grace_s);
}

const char *
compose_write(struct compose_reader *r)
{
	struct text t = TEXT(r->arena);
	bool own = false;

	text_add(&t, "# Made of a compose file. What it did not say is marked \"invented\".\n\n"
		     "version: \"2.0\"\n\nservices:\n");
	for (size_t i = 0; i < r->service_count; i++)
		service_write(r, &t, &r->services[i]);
	text_add(&t, "\nprofiles:\n  compute:\n");
	for (size_t i = 0; i < r->service_count; i++)
		compute_write(r, &t, &r->services[i]);
	text_add(&t, "  placement:\n    anywhere:\n      pricing:\n");
	for (size_t i = 0; i < r->service_count; i++)
		text_addf(&t,
			  "        %s:\n          per_hour: " PRICE_INVENTED
			  " # invented: the most that one copy may cost\n",
			  r->services[i].name);
	text_add(&t, "\ndeployment:\n");
	for (size_t i = 0; i < r->service_count; i++)
		text_addf(&t, "  %s:\n    anywhere:\n      profile: %s\n      count: %u\n",
			  r->services[i].name, r->services[i].name, r->services[i].count);
	for (size_t i = 0; i < r->service_count; i++)
		own = own || has_own(&r->services[i]);
	if (own)
		text_add(&t, "\nx-gavel:\n  services:\n");
	for (size_t i = 0; i < r->service_count; i++)
		if (has_own(&r->services[i]))
			own_write(r, &t, &r->services[i]);
	return text_get(&t);
}
