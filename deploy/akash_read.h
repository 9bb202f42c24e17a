/* SPDX-License-Identifier: Apache-2.0 */
/*
 * akash_read.h - between the files of the Akash reader only.
 *
 *	akash.c         the whole file: version, stages, findings
 *	akash_decode.c  a tree to structs by a table of types, as yaml.v3 does it
 *	akash_types.c   those tables: services, deployment, the top level
 *	akash_profile.c those tables: profiles, and what Akash decodes by hand
 *	akash_build.c   groups and manifest
 *	akash_check.c   what Akash checks once they are built
 *	akash_json.c    both as canonical JSON
 *	akash_go.c      numbers, words and order as Go's library has them
 *	akash_import.c  to groups and manifests of our own
 *
 * The structs here are the file as written; those of akash.h what is made of it.
 */
#ifndef GAVEL_AKASH_READ_H
#define GAVEL_AKASH_READ_H

#include "deploy/akash.h"
#include "deploy/akash_go.h"
#include "lib/yaml_tree.h"

/* --- types, as Go's reflection would know them --- */

enum ak_kind {
	AK_STRING, /* const char *                */
	AK_U32,	   /* uint32_t                    */
	AK_BOOL,   /* bool                        */
	AK_LIST,   /* struct akash_list of elem   */
	AK_MAP,	   /* struct akash_list of ak_entry */
	AK_STRUCT, /* begins with struct akash_at */
};

struct ak_decoder;

struct ak_type {
	enum ak_kind kind;
	const char *noun; /* in findings: "a list" */
	size_t size;	  /* of a value */
	const struct ak_type *elem;
	const struct ak_field *fields; /* AK_STRUCT, ended by a NULL name */
	/* The type decodes itself (yaml.v3's Unmarshaler): called for all but
	 * null, also for nodes of a kind that does not fit. */
	bool (*unmarshal)(struct ak_decoder *d, const struct yaml_tree *n, void *out);
};

struct ak_field {
	const char *name;
	const struct ak_type *type;
	size_t offset;
};

/* Of a map; sorted by key once it is read. */
struct ak_entry {
	const char *key;
	const struct yaml_tree *key_node;
	void *value;
};

extern const struct ak_type ak_string, ak_u32, ak_bool, ak_strings;

#define AK_LIST_OF(t, what)                                                                        \
	{                                                                                          \
		.kind = AK_LIST, .noun = what, .size = sizeof(struct akash_list), .elem = t        \
	}
#define AK_MAP_OF(t, what)                                                                         \
	{                                                                                          \
		.kind = AK_MAP, .noun = what, .size = sizeof(struct akash_list), .elem = t         \
	}
#define AK_STRUCT_OF(T, f)                                                                         \
	{                                                                                          \
		.kind = AK_STRUCT, .noun = "a mapping", .size = sizeof(T), .fields = f             \
	}
#define AK_FIELD(T, key, member, t)                                                                \
	{                                                                                          \
		key, t, offsetof(T, member)                                                        \
	}
#define AK_FIELD_END                                                                               \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}

/* --- decoding --- */

struct ak_path {
	const struct ak_path *up;
	const char *name; /* or NULL: index */
	size_t index;
};

struct ak_reader {
	struct arena *arena;
	struct sdl_finding *findings;
	size_t finding_count;
	size_t steps; /* nodes visited, aliases expanded */
	bool stop;    /* too much: nothing more is read */
};

/* Go has no such bounds; docs/sdl-deviations.md. */
#define AK_ALIAS_DEPTH_MAX 64u
#define AK_STEPS_MAX	   100000u
#define AK_BUILT_MAX	   4096u
#define AK_KEYS_MAX	   4096u
#define AK_FINDINGS_MAX	   100u

struct ak_decoder {
	struct ak_reader *r;
	const struct ak_path *path;
	const struct yaml_tree *open[AK_ALIAS_DEPTH_MAX]; /* aliases being expanded */
	size_t depth;
	size_t visited, by_alias;
	struct ak_merged *merged; /* NULL: not within a merge */
};

/* As (*yaml.Node).Decode(&out), a decoder of its own. */
bool ak_decode(struct ak_reader *r, const struct ak_path *path, const struct yaml_tree *n,
	       const struct ak_type *type, void *out);
/* The node behind aliases; NULL for one that contains itself. */
const struct yaml_tree *ak_behind(const struct yaml_tree *n) mustcheck;
bool ak_is_null(const struct yaml_tree *n) mustcheck;
const char *ak_path_text(struct arena *a, const struct ak_path *path) mustcheck;

/* --- findings --- */

void ak_find(struct ak_reader *r, const struct yaml_tree *n, const char *path, const char *cure,
	     const char *fmt, ...) printflike(5, 6);
/* At a member of a struct that was read, or at the struct if it is not written. */
void ak_find_in(struct ak_reader *r, const struct akash_at *at, const char *member,
		const char *cure, const char *fmt, ...) printflike(5, 6);
/* While decoding: at the node, with the decoder's path. Returns false. */
bool ak_refuse(struct ak_decoder *d, const struct yaml_tree *n, const char *cure, const char *fmt,
	       ...) printflike(4, 5);

/* By their place in the file. */
void ak_findings_sort(struct ak_reader *r);

/* --- the file as written --- */

struct ak_to {
	struct akash_at at;
	const char *service, *ip;
	bool global;
};

struct ak_http {
	struct akash_at at;
	uint32_t max_body_size, proxy_buffer_size, read_timeout, send_timeout;
	uint32_t next_tries, next_timeout;
	struct akash_list next_cases; /* of const char * */
};

struct ak_expose {
	struct akash_at at;
	uint32_t port, as;
	const char *proto;
	struct akash_list to;	  /* of ak_to */
	struct akash_list accept; /* of const char * */
	struct ak_http http;
};

struct ak_mount {
	struct akash_at at;
	const char *mount;
	bool readonly;
};

struct ak_permissions {
	struct akash_at at;
	struct akash_list read; /* of const char * */
};

struct ak_params {
	struct akash_at at;	   /* node NULL: none */
	struct akash_list storage; /* map of ak_mount */
	struct ak_permissions permissions;
	const char *tee;
};

struct ak_credentials {
	struct akash_at at; /* node NULL: none */
	const char *host, *email, *username, *password;
};

struct ak_service {
	struct akash_at at;
	const char *image;
	struct akash_list command, args, env; /* of const char * */
	struct akash_list expose;	      /* of ak_expose */
	struct akash_list dependencies;
	struct ak_params params;
	struct ak_credentials credentials;
};

struct ak_cpu {
	struct akash_at at; /* node NULL: none */
	uint32_t units;
	struct akash_list attributes; /* of akash_attribute */
};

struct ak_memory {
	struct akash_at at;
	uint64_t size;
};

struct ak_gpu {
	struct akash_at at;
	uint64_t units;
	struct akash_list attributes; /* of akash_attribute, by key */
	struct akash_list keys;	      /* of const char *, as written */
};

struct ak_volume {
	struct akash_at at;
	const char *name;
	uint64_t size;
	struct akash_list attributes; /* of akash_attribute */
};

struct ak_resources {
	struct akash_at at; /* node NULL: none */
	struct ak_cpu cpu;
	struct ak_gpu gpu;
	struct ak_memory memory;
	struct akash_list storage; /* of ak_volume */
};

struct ak_compute {
	struct akash_at at;
	struct ak_resources resources;
};

struct ak_signed {
	struct akash_at at;
	struct akash_list all_of, any_of; /* of const char * */
};

struct ak_price {
	struct akash_at at;
	const char *amount; /* go_decimal(); NULL: not written */
	const char *denom;
};

struct ak_placement {
	struct akash_at at;
	struct akash_list attributes; /* of akash_attribute */
	struct ak_signed signed_by;
	struct akash_list pricing; /* map of ak_price */
};

struct ak_profiles {
	struct akash_at at;
	struct akash_list compute;   /* map of ak_compute */
	struct akash_list placement; /* map of ak_placement */
};

struct ak_line {
	struct akash_at at;
	const char *profile;
	uint32_t count;
};

struct ak_endpoint {
	struct akash_at at;
	const char *kind;
};

struct ak_reclamation {
	struct akash_at at;
	const char *min_window;
};

struct ak_file {
	struct ak_reader *r;
	size_t built;		    /* parts of what is deployed */
	bool merging;		    /* 2.1: services that share a profile share a unit */
	struct akash_list services; /* map of ak_service */
	struct ak_profiles profiles;
	struct akash_list deployment; /* map of maps of ak_line */
	struct akash_list endpoints;  /* map of ak_endpoint */
	bool partial; /* something is missing that has its finding: sums mean nothing */
	bool reclaims;
	struct ak_reclamation reclamation;
};

/* The value, or NULL. */
void *ak_get(const struct akash_list *map, const char *key) mustcheck;
/* Room for one more at the end, zeroed; the list is made. */
void *ak_push(struct arena *a, struct akash_list *list, size_t size);

/* akash_profile.c: of a struct ak_profiles. */
extern const struct ak_type ak_profiles_type;

/* The sections of the root node into the file; findings on the way. */
void ak_sections(struct ak_file *f, const struct yaml_tree *root);

/* --- what is made of it --- */

void ak_build(struct ak_file *f, struct akash *out);
/* What only the file shows: references, mounts, endpoints. */
void ak_check_file(struct ak_file *f, struct akash *out);
/* What is built: bounds, prices, names, hosts. */
void ak_check_groups(struct ak_file *f, const struct akash *out);

/* UTF-8 without NUL (which is kept as c0 80). */
bool ak_text_good(const char *text) mustcheck;
const char *ak_manifest_json(struct arena *a, const struct akash *in) mustcheck;
const char *ak_groups_json(struct arena *a, const struct akash *in) mustcheck;

#endif
