/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK	      1024u /* of the limits in struct if_dqblk */
#define INODE_BYTES   16384u
#define INODES_MAX    500000u
#define PROJECT_FIRST 0x40000000u
#define PROJECT_TRIES 4096u

static int
control(int fd, int command, uint32_t project, void *out)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), project, out);
}

static int
dir_open(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool
quota_possible(const char *dir)
{
	struct fs_quota_stat state = { .qs_version = 0 };
	int fd = dir_open(dir);
	bool possible = fd >= 0 && control(fd, Q_XGETQSTAT, 0, &state) == 0 &&
			(state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;

	if (fd >= 0)
		close(fd);
	return possible;
}

/* A number that nobody has: a volume's directory itself is a file of its
 * project. A limit left by one that was removed is set anew. */
static int
project_choose(int fd, uint64_t inode, uint32_t *out, struct err *e)
{
	for (uint32_t i = 0; i < PROJECT_TRIES; i++) {
		uint32_t project = PROJECT_FIRST + (uint32_t)((inode + i) % PROJECT_FIRST);
		struct if_dqblk q = { .dqb_valid = 0 };

		if (control(fd, Q_GETQUOTA, project, &q) != 0) {
			if (errno != ENOENT && errno != ESRCH)
				return err_errno(e, "read the quota of project %u", project);
		} else if (q.dqb_curspace != 0 || q.dqb_curinodes != 0) {
			continue;
		}
		*out = project;
		return 0;
	}
	return err_set(e, &ERR_SYSTEM, "no project number is free");
}

static int
project_give(int fd, uint64_t bytes, struct err *e)
{
	uint64_t inodes = MAX(UINT64_C(64), MIN(bytes / INODE_BYTES, (uint64_t)INODES_MAX));
	struct if_dqblk q = { .dqb_bhardlimit = bytes / BLOCK,
			      .dqb_bsoftlimit = bytes / BLOCK,
			      .dqb_ihardlimit = inodes,
			      .dqb_isoftlimit = inodes,
			      .dqb_valid = QIF_LIMITS },
			set = { .dqb_valid = 0 };
	struct fsxattr attr;
	uint32_t project = 0;
	struct stat st;

	if (fstat(fd, &st) != 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attr) != 0)
		return err_errno(e, "read the directory's project");
	if (project_choose(fd, st.st_ino, &project, e) < 0)
		return -1;
	if (control(fd, Q_SETQUOTA, project, &q) != 0)
		return err_errno(e, "limit project %u", project);
	attr.fsx_projid = project;
	attr.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr) != 0)
		return err_errno(e, "give the directory to project %u", project);
	if (control(fd, Q_GETQUOTA, project, &set) != 0 || set.dqb_bhardlimit != q.dqb_bhardlimit)
		return err_set(e, &ERR_SYSTEM, "the limit of project %u did not hold", project);
	return 0;
}

int
quota_set(const char *dir, uint64_t bytes, struct err *e)
{
	int fd = dir_open(dir), result;

	if (fd < 0)
		return err_errno(e, "open %s", dir);
	result = project_give(fd, bytes, e);
	close(fd);
	return result < 0 ? err_wrap(e, "quota of %s", dir) : 0;
}

bool
quota_read(const char *dir, uint64_t *limit, uint64_t *used)
{
	struct if_dqblk q = { .dqb_valid = 0 };
	struct fsxattr attr;
	int fd = dir_open(dir);
	bool found = fd >= 0 && ioctl(fd, FS_IOC_FSGETXATTR, &attr) == 0 &&
		     (attr.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0 && attr.fsx_projid != 0 &&
		     control(fd, Q_GETQUOTA, attr.fsx_projid, &q) == 0 && q.dqb_bhardlimit != 0;

	if (fd >= 0)
		close(fd);
	*limit = q.dqb_bhardlimit * BLOCK;
	*used = q.dqb_curspace;
	return found;
}
