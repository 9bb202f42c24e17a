/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/jail_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int
jail_ref_make(const struct id *lease, uint8_t copy, struct jail_ref *out, struct err *e)
{
	char text[ID_TEXT_SIZE];
	const char *letters = strchr(id_text(ID_LEASE, lease, text), '_');

	memset(out, 0, sizeof(*out));
	out->copy = copy;
	for (size_t i = 0; letters != NULL && i + 1 < sizeof(out->name) && letters[i + 1] != '\0';
	     i++) {
		char c = letters[i + 1];

		out->name[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return jail_ref_is_good(out) ? 0 : err_set(e, &JAIL_REFUSED, "lease id %s", text);
}

static int
text_add(char *text, uint32_t *at, const char *s, struct err *e)
{
	size_t len = strlen(s) + 1;

	if (*at + len > JAIL_TEXT_MAX)
		return err_set(e, &ERR_TOO_BIG, "arguments and variables of more than %u bytes",
			       JAIL_TEXT_MAX);
	memcpy(text + *at, s, len);
	*at += (uint32_t)len;
	return 0;
}

int
jail_create_pack(struct jail_create *call, const struct bundle_process *p, const char *hostname,
		 const struct jail_host *hosts, size_t host_count, size_t *len, struct err *e)
{
	if (bundle_process_check(p, e) < 0)
		return -1;
	if (host_count > NET_LINKS_MAX)
		return err_set(e, &ERR_TOO_BIG, "%zu host names", host_count);
	call->uid = p->uid;
	call->gid = p->gid;
	call->nofile = p->nofile;
	call->arg_count = (uint16_t)p->arg_count;
	call->env_count = (uint16_t)p->env_count;
	call->host_count = (uint16_t)host_count;
	call->mount_count = 0;
	call->text_len = 0;
	for (size_t i = 0; i < p->arg_count; i++)
		if (text_add(call->text, &call->text_len, p->args[i], e) < 0)
			return -1;
	for (size_t i = 0; i < p->env_count; i++)
		if (text_add(call->text, &call->text_len, p->env[i], e) < 0)
			return -1;
	if (text_add(call->text, &call->text_len, p->cwd, e) < 0 ||
	    text_add(call->text, &call->text_len, hostname, e) < 0)
		return -1;
	for (size_t i = 0; i < host_count; i++) {
		call->host_slots[i] = hosts[i].slot;
		if (text_add(call->text, &call->text_len, hosts[i].name, e) < 0)
			return -1;
	}
	*len = JAIL_CREATE_MIN + call->text_len;
	return 0;
}

int
jail_mount_add(struct jail_create *call, const struct jail_mount *m, const char *path, size_t *len,
	       struct err *e)
{
	if (call->mount_count == JAIL_MOUNTS_MAX)
		return err_set(e, &ERR_TOO_BIG, "more than %d mounts", JAIL_MOUNTS_MAX);
	if (text_add(call->text, &call->text_len, path, e) < 0)
		return -1;
	call->mounts[call->mount_count++] = *m;
	*len = JAIL_CREATE_MIN + call->text_len;
	return 0;
}

int
jail_exec_pack(struct jail_exec *call, const char *const *args, size_t count, size_t *len,
	       struct err *e)
{
	if (count == 0 || count > BUNDLE_ARGS_MAX)
		return err_set(e, &JAIL_REFUSED, "a command of %zu words", count);
	call->arg_count = (uint32_t)count;
	call->text_len = 0;
	for (size_t i = 0; i < count; i++)
		if (text_add(call->text, &call->text_len, args[i], e) < 0)
			return -1;
	*len = JAIL_EXEC_MIN + call->text_len;
	return 0;
}

static void
close_all(int fds[static JAIL_EXEC_FDS])
{
	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* One packet; false when none is there. */
static bool
packet_take(int exec_fd, uint32_t *number, int fds[static JAIL_EXEC_FDS])
{
	union {
		char bytes[CMSG_SPACE(JAIL_EXEC_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { number, sizeof(*number) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(exec_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*number))
		return false;
	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		fds[i] = -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c == NULL || c->cmsg_type != SCM_RIGHTS)
		return true;
	if (c->cmsg_len == CMSG_LEN(JAIL_EXEC_FDS * sizeof(int))) {
		memcpy(fds, CMSG_DATA(c), JAIL_EXEC_FDS * sizeof(int));
	} else if (c->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
		/* With a terminal: the socket for it, and the status. */
		memcpy(&fds[JAIL_STDIN], CMSG_DATA(c), sizeof(int));
		memcpy(&fds[JAIL_STATUS], CMSG_DATA(c) + sizeof(int), sizeof(int));
	}
	return true;
}

int
jail_exec_receive(int exec_fd, uint32_t number, int fds[static JAIL_EXEC_FDS], struct err *e)
{
	uint32_t got;

	while (packet_take(exec_fd, &got, fds)) {
		if (got == number && fds[0] >= 0)
			return 0;
		close_all(fds);
	}
	return err_set(e, &ERR_NOT_FOUND, "the descriptors of command %u", number);
}
