/* SPDX-License-Identifier: Apache-2.0 */
/* Work beside the caller: its success, its failure, its death, its end by force. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "provider/jail/aside.h"
#include "tap.h"

static int secret; /* a descriptor of ours */

static int
works(void *arg, struct err *e)
{
	(void)e;
	return write(*(int *)arg, "x", 1) < 0 && errno == EBADF ? 0 : -1;
}

static int
fails(void *arg, struct err *e)
{
	return err_set(e, &ERR_TIMEOUT, "after %d", *(int *)arg);
}

static int
dies(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	raise(SIGKILL);
	return 0;
}

static int
stays(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	while (pause() < 0)
		;
	return 0;
}

int
main(void)
{
	struct err e = ERR_NONE;
	struct aside s, other;
	int seven = 7;

	secret = fcntl(1, F_DUPFD_CLOEXEC, 50);
	ok(aside_begin(&s, works, &secret, &e) == 0 && aside_end(&s, &e) == 0 && e.code == NULL,
	   "it works, without our descriptors");
	ok(aside_begin(&s, fails, &seven, &e) == 0 && aside_end(&s, &e) < 0 &&
		   e.code == &ERR_TIMEOUT,
	   "its failure keeps its code");
	is_str(e.text, "after 7", "and its text");
	e = (struct err)ERR_NONE;
	ok(aside_begin(&s, dies, NULL, &e) == 0 && aside_end(&s, &e) < 0 && e.code == &ERR_SYSTEM,
	   "its death is a failure");
	e = (struct err)ERR_NONE;
	ok(aside_begin(&other, stays, NULL, &e) == 0 && aside_begin(&s, fails, &seven, &e) == 0 &&
		   aside_end(&s, &e) < 0,
	   "two at once");
	ok(kill(other.pid, 0) == 0, "the other stays");
	aside_kill(&other);
	ok(kill(other.pid, 0) < 0 && errno == ESRCH, "until it is ended");
	return tap_done();
}
