/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose_read.h - between the files of the converter only.
 *
 *	compose.c       services and their keys
 *	compose_volume.c their volumes
 *	compose_word.c  words of compose: ports, sizes, durations, variables, command lines
 *	compose_write.c the deployment file
 */
#ifndef GAVEL_COMPOSE_READ_H
#define GAVEL_COMPOSE_READ_H

#include "deploy/compose.h"
#include "lib/json.h"

#define COMPOSE_PORTS_MAX 32u

struct compose_port {
	uint32_t target, published; /* published 0: nothing is said */
	bool udp;
	bool global;
	bool http;
	bool invented; /* the usual port of the image */
};

struct compose_volume {
	const char *name, *path;
	enum { VOLUME_KEPT, VOLUME_DISK, VOLUME_RAM } kind;
	uint64_t bytes; /* 0: invented */
	bool readonly;
};

struct compose_health {
	bool given;
	struct json_strs command;
	uint32_t every_s, timeout_s, failures, grace_s;
};

struct compose_service {
	const char *name;  /* ours */
	const char *given; /* there */
	const struct json *node;
	const char *image;
	struct json_strs command, args, env;
	struct compose_port ports[COMPOSE_PORTS_MAX];
	size_t port_count;
	struct json_list volumes; /* of struct compose_volume */
	struct json_strs needs;	  /* depends_on, by the names there */
	struct compose_health health;
	uint32_t cpu_milli; /* 0: invented */
	uint64_t memory;    /* 0: invented */
	uint32_t gpus, count;
	uint32_t stop_s;
	const char *restart; /* NULL: always */
	bool readonly;
};

struct compose_reader {
	struct arena *arena;
	struct compose *out;
	struct compose_service *services;
	size_t service_count;
	const struct json *root;
};

void compose_note(struct compose_reader *r, const struct json *at, bool refused, const char *path,
		  const char *cure, const char *fmt, ...) printflike(6, 7);

/* ${NAME:-default} and the like as compose replaces them without any variable. */
const char *
compose_text(struct compose_reader *r, const struct json *v, const char *path) mustcheck;
/* 512m, 1.5gb: powers of 1024 of bytes; 0: it is none. */
uint64_t compose_bytes(const char *text) mustcheck;
/* 1m30s, 500ms: seconds, rounded up. */
bool compose_seconds(const char *text, uint32_t *seconds) mustcheck;
/* A command line to words, by the shell's quotes. */
bool compose_split(struct arena *a, const char *text, struct json_strs *out) mustcheck;
/* "8080:80/udp", "127.0.0.1:8000-8001:80-81": one port or more. What it is not:
 * a sentence. */
const char *compose_ports_read(const char *text, struct compose_port *out, size_t *count,
			       bool *local) mustcheck;

/* path.name */
const char *compose_below(struct compose_reader *r, const char *path, const char *name) mustcheck;
/* The member's text, variables replaced; NULL if there is none. */
const char *compose_member(struct compose_reader *r, const struct json *object, const char *name,
			   const char *path) mustcheck;
/* The name as it may be here: a-z, 0-9 and -, beginning with a letter. */
const char *
compose_name(struct compose_reader *r, const char *given, const char *fallback) mustcheck;

/* Reads the value of one key into the service. */
typedef void key_reader(struct compose_reader *r, struct compose_service *s, const struct json *v,
			const char *path);
key_reader compose_volumes_read, compose_tmpfs_read;

const char *compose_write(struct compose_reader *r) mustcheck;
const struct compose_service *
compose_named(const struct compose_reader *r, const char *given) mustcheck;

#endif
