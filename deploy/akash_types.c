/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_types.c - the sections of a deployment file but for profiles, as types
 * of akash_decode.c.
 */
#include "deploy/akash_read.h"

/* ------------------------------------------------------------------ */
/* services.                                                           */

static bool
accept_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct akash_list list = { 0 };
	const char **hosts;
	size_t before = d->r->finding_count;

	if (!ak_decode(d->r, d->path, n, &ak_strings, &list) || d->r->finding_count > before)
		return false;
	hosts = list.items;
	for (size_t i = 0; i < list.count; i++)
		if (!go_url_host(hosts[i]))
			return ak_refuse(d, n, NULL, "\"%.100s\" is not a host's name", hosts[i]);
	*(struct akash_list *)out = list;
	return true;
}

static const struct ak_type accept_type = { .kind = AK_LIST,
					    .noun = "a list of host names",
					    .size = sizeof(struct akash_list),
					    .unmarshal = accept_from };
static const struct ak_field http_fields[] = {
	AK_FIELD(struct ak_http, "max_body_size", max_body_size, &ak_u32),
	AK_FIELD(struct ak_http, "proxy_buffer_size", proxy_buffer_size, &ak_u32),
	AK_FIELD(struct ak_http, "read_timeout", read_timeout, &ak_u32),
	AK_FIELD(struct ak_http, "send_timeout", send_timeout, &ak_u32),
	AK_FIELD(struct ak_http, "next_tries", next_tries, &ak_u32),
	AK_FIELD(struct ak_http, "next_timeout", next_timeout, &ak_u32),
	AK_FIELD(struct ak_http, "next_cases", next_cases, &ak_strings),
	AK_FIELD_END
};
static const struct ak_type http_type = AK_STRUCT_OF(struct ak_http, http_fields);

/* http_options may stand in a to item, is read, and means nothing there. */
struct to_read {
	struct ak_to to;
	struct ak_http http;
};
static const struct ak_field to_fields[] = {
	AK_FIELD(struct to_read, "service", to.service, &ak_string),
	AK_FIELD(struct to_read, "global", to.global, &ak_bool),
	AK_FIELD(struct to_read, "ip", to.ip, &ak_string),
	AK_FIELD(struct to_read, "http_options", http, &http_type), AK_FIELD_END
};
static const struct ak_type to_read_type = AK_STRUCT_OF(struct to_read, to_fields);

static bool
to_from(struct ak_decoder *d, const struct yaml_tree *n, void *out)
{
	struct to_read t = { 0 };

	if (!ak_decode(d->r, d->path, n, &to_read_type, &t))
		return false;
	*(struct ak_to *)out = t.to;
	return true;
}

static const struct ak_type to_type = {
	.kind = AK_STRUCT, .noun = "a mapping", .size = sizeof(struct ak_to), .unmarshal = to_from
};
static const struct ak_type tos = AK_LIST_OF(&to_type, "a list");
static const struct ak_field expose_fields[] = {
	AK_FIELD(struct ak_expose, "port", port, &ak_u32),
	AK_FIELD(struct ak_expose, "as", as, &ak_u32),
	AK_FIELD(struct ak_expose, "proto", proto, &ak_string),
	AK_FIELD(struct ak_expose, "to", to, &tos),
	AK_FIELD(struct ak_expose, "accept", accept, &accept_type),
	AK_FIELD(struct ak_expose, "http_options", http, &http_type),
	AK_FIELD_END
};
static const struct ak_type expose_type = AK_STRUCT_OF(struct ak_expose, expose_fields);
static const struct ak_type exposes = AK_LIST_OF(&expose_type, "a list of ports");

static const struct ak_field mount_fields[] = {
	AK_FIELD(struct ak_mount, "mount", mount, &ak_string),
	AK_FIELD(struct ak_mount, "readOnly", readonly, &ak_bool), AK_FIELD_END
};
static const struct ak_type mount_type = AK_STRUCT_OF(struct ak_mount, mount_fields);
static const struct ak_type mounts = AK_MAP_OF(&mount_type, "a mapping of volumes");
static const struct ak_field permissions_fields[] = {
	AK_FIELD(struct ak_permissions, "read", read, &ak_strings), AK_FIELD_END
};
static const struct ak_type permissions_type =
	AK_STRUCT_OF(struct ak_permissions, permissions_fields);
static const struct ak_field params_fields[] = {
	AK_FIELD(struct ak_params, "storage", storage, &mounts),
	AK_FIELD(struct ak_params, "permissions", permissions, &permissions_type),
	AK_FIELD(struct ak_params, "tee", tee, &ak_string), AK_FIELD_END
};
static const struct ak_type params_type = AK_STRUCT_OF(struct ak_params, params_fields);
static const struct ak_field credentials_fields[] = {
	AK_FIELD(struct ak_credentials, "host", host, &ak_string),
	AK_FIELD(struct ak_credentials, "email", email, &ak_string),
	AK_FIELD(struct ak_credentials, "username", username, &ak_string),
	AK_FIELD(struct ak_credentials, "password", password, &ak_string), AK_FIELD_END
};
static const struct ak_type credentials_type =
	AK_STRUCT_OF(struct ak_credentials, credentials_fields);

struct dependency {
	struct akash_at at;
	const char *service;
};
static const struct ak_field dependency_fields[] = {
	AK_FIELD(struct dependency, "service", service, &ak_string), AK_FIELD_END
};
static const struct ak_type dependency_type = AK_STRUCT_OF(struct dependency, dependency_fields);
static const struct ak_type dependencies = AK_LIST_OF(&dependency_type, "a list of services");

static const struct ak_field service_fields_[] = {
	AK_FIELD(struct ak_service, "image", image, &ak_string),
	AK_FIELD(struct ak_service, "command", command, &ak_strings),
	AK_FIELD(struct ak_service, "args", args, &ak_strings),
	AK_FIELD(struct ak_service, "env", env, &ak_strings),
	AK_FIELD(struct ak_service, "expose", expose, &exposes),
	AK_FIELD(struct ak_service, "dependencies", dependencies, &dependencies),
	AK_FIELD(struct ak_service, "params", params, &params_type),
	AK_FIELD(struct ak_service, "credentials", credentials, &credentials_type),
	AK_FIELD_END
};
static const struct ak_type service_type = AK_STRUCT_OF(struct ak_service, service_fields_);
static const struct ak_type services = AK_MAP_OF(&service_type, "a mapping of services");

/* ------------------------------------------------------------------ */
/* deployment, endpoints, reclamation, and the top level.              */

static const struct ak_field line_fields[] = {
	AK_FIELD(struct ak_line, "profile", profile, &ak_string),
	AK_FIELD(struct ak_line, "count", count, &ak_u32), AK_FIELD_END
};
static const struct ak_type line_type = AK_STRUCT_OF(struct ak_line, line_fields);
static const struct ak_type lines = AK_MAP_OF(&line_type, "a mapping of placements");
static const struct ak_type deployments = AK_MAP_OF(&lines, "a mapping of services");
static const struct ak_field endpoint_fields[] = {
	AK_FIELD(struct ak_endpoint, "kind", kind, &ak_string), AK_FIELD_END
};
static const struct ak_type endpoint_type = AK_STRUCT_OF(struct ak_endpoint, endpoint_fields);
static const struct ak_type endpoints = AK_MAP_OF(&endpoint_type, "a mapping of endpoints");
static const struct ak_field reclamation_fields[] = {
	AK_FIELD(struct ak_reclamation, "min_window", min_window, &ak_string), AK_FIELD_END
};
static const struct ak_type reclamation_type =
	AK_STRUCT_OF(struct ak_reclamation, reclamation_fields);

void
ak_sections(struct ak_file *f, const struct yaml_tree *root)
{
	struct akash_list include = { 0 };
	const struct {
		const char *name;
		const struct ak_type *type;
		void *out;
	} known[] = {
		{ "include", &ak_strings, &include },
		{ "services", &services, &f->services },
		{ "profiles", &ak_profiles_type, &f->profiles },
		{ "deployment", &deployments, &f->deployment },
		{ "endpoints", &endpoints, &f->endpoints },
		{ "reclamation", &reclamation_type, &f->reclamation },
		{ "version", NULL, NULL },
	};

	for (size_t i = 0; i < root->count; i += 2) {
		const char *name = root->content[i]->value;
		struct ak_path here = { NULL, name, 0 };
		size_t k = 0;

		while (k < NELEMS(known) && strcmp(known[k].name, name) != 0)
			k++;
		if (k == NELEMS(known)) {
			ak_find(f->r, root->content[i], "", NULL, "unexpected key \"%.60s\"", name);
		} else if (i + 1 == root->count && known[k].type != NULL) {
			ak_find(f->r, root, "", NULL, "a key without its value");
		} else if (known[k].type != NULL) {
			if (known[k].out == &f->reclamation) {
				f->reclaims = true;
				memset(&f->reclamation, 0, sizeof(f->reclamation));
			}
			(void)ak_decode(f->r, &here, root->content[i + 1], known[k].type,
					known[k].out);
		}
	}
}
