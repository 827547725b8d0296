/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_store.c - the directory store: whole values, keys that stay inside, one writer, watches, reports. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/store/report.h"
#include "loader/store/store.h"

struct fixture {
	char directory[64], path[96];
	struct xs_store *store;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/xslice-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/store", fixture->directory);
	assert_int_equal(xs_store_open(fixture->path, 0, &fixture->store), -ENOENT);
	assert_int_equal(xs_store_open(fixture->path, 1, &fixture->store), 0);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	xs_store_close(fixture->store);
	nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

static void put(struct xs_store *store, const char *key, const char *text)
{
	assert_int_equal(xs_store_put(store, key, text, strlen(text)), 0);
}

static void assert_value(struct xs_store *store, const char *key, const char *text)
{
	void *value = NULL;
	size_t size = 0;

	assert_int_equal(xs_store_get(store, key, &value, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(value, text);
	free(value);
}

static int gather(void *context, const char *name)
{
	char *names = context;

	strcat(names, name);
	strcat(names, " ");
	return strcmp(name, "stop") ? 0 : 7;
}

static void assert_list(struct xs_store *store, const char *prefix, const char *expected, int result)
{
	char names[512] = "";

	assert_int_equal(xs_store_list(store, prefix, gather, names), result);
	assert_string_equal(names, expected);
}

static void test_values(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store, *other;
	void *value = (void *)1;
	size_t size = 5;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(xs_store_get(store, "revision", &value, &size), -ENOENT);
	assert_ptr_equal(value, (void *)1);
	assert_int_equal(size, 5);
	put(store, "revision", "1\n");
	put(store, "revision", "22\n");
	put(store, "revision", "3\n");
	assert_value(store, "revision", "3\n");
	put(store, "image/12/R1", "bytes");
	put(store, "image/12/R1", "");
	assert_value(store, "image/12/R1", "");
	assert_int_equal(xs_store_put(store, "binary", "a\0b", 3), 0);
	assert_int_equal(xs_store_get(store, "binary", &value, &size), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(value, "a\0b\0", 4);
	free(value);
	/* A level is no value, and below a value there is none. */
	assert_int_equal(xs_store_get(store, "image", &value, &size), -ENOENT);
	assert_int_equal(xs_store_get(store, "revision/x", &value, &size), -ENOENT);
	assert_true(xs_store_put(store, "revision/x", "1", 1) < 0);
	assert_true(xs_store_put(store, "image", "1", 1) < 0);
	/* It lasts. */
	assert_int_equal(xs_store_open(fixture->path, 0, &other), 0);
	assert_value(other, "revision", "3\n");
	xs_store_close(other);
}

/* What is told is there as what is put, and nothing else is left. */
static void test_tell(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;

	assert_int_equal(xs_store_tell(store, "report/R1", "a", 1), 0);
	assert_value(store, "report/R1", "a");
	assert_int_equal(xs_store_tell(store, "report/R1", "", 0), 0);
	assert_value(store, "report/R1", "");
	put(store, "report/R1", "b");
	assert_value(store, "report/R1", "b");
	assert_list(store, "report", "R1 ", 0);
	assert_int_equal(xs_store_tell(store, "report/../R1", "a", 1), -EINVAL);
	assert_true(xs_store_tell(store, "report", "a", 1) < 0);
	assert_value(store, "report/R1", "b");
}

static void test_keys_stay_inside(void **state)
{
	static const char *const bad[] = { "",     "/", "/a",  "a/",    "a//b",      "..",   "../a", "a/../b",
					   "a/..", ".", "./a", ".lock", "a/.hidden", "a\nb", "a\x7f" };
	struct fixture *fixture = *state;
	char outside[128], longest[700];
	void *value;
	size_t i, size;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(xs_store_put(fixture->store, bad[i], "x", 1), -EINVAL);
		assert_int_equal(xs_store_get(fixture->store, bad[i], &value, &size), -EINVAL);
		assert_int_equal(xs_store_delete(fixture->store, bad[i]), -EINVAL);
		if (*bad[i])
			assert_int_equal(xs_store_list(fixture->store, bad[i], gather, NULL), -EINVAL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[201] = '\0';
	assert_int_equal(xs_store_put(fixture->store, longest, "x", 1), -EINVAL);
	longest[200] = '\0';
	assert_int_equal(xs_store_put(fixture->store, longest, "x", 1), 0);
	for (i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 100 == 99 ? '/' : 'a';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(xs_store_put(fixture->store, longest, "x", 1), -EINVAL);
	snprintf(outside, sizeof(outside), "%s/a", fixture->directory);
	assert_int_equal(access(outside, F_OK), -1);
}

static void test_delete(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;

	put(store, "image/1/R1", "a");
	put(store, "image/1/R2", "b");
	put(store, "image/2/R1", "c");
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete(store, "nothing/at/all"), 0);
	assert_list(store, "image", "1 2 ", 0);
	assert_int_equal(xs_store_delete(store, "image/1/R2"), 0);
	/* The level went with its last key, and comes back with the next. */
	assert_list(store, "image", "2 ", 0);
	put(store, "image/1/R9", "d");
	assert_list(store, "image/1", "R9 ", 0);
}

static void touch(const struct fixture *fixture, const char *name, int *fd)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(*fd >= 0);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", fixture->path, name);
	return !access(path, F_OK);
}

static void test_delete_level(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	int fd;

	assert_int_equal(xs_store_delete_level(store, "image"), 0);
	assert_int_equal(xs_store_delete_level(store, "../image"), -EINVAL);
	put(store, "image/1/R1", "a");
	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	assert_value(store, "image/1/R1", "a");
	assert_int_equal(xs_store_delete_level(store, "image/1/R1"), 0);
	assert_value(store, "image/1/R1", "a");
	/* Somebody who writes, and is killed. */
	touch(fixture, "image/1/.R2.new", &fd);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	assert_true(is_there(fixture, "image/1/.R2.new"));
	close(fd);
	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	assert_false(is_there(fixture, "image/1"));
	assert_true(is_there(fixture, "image"));
	assert_int_equal(xs_store_delete_level(store, "image"), 0);
	assert_false(is_there(fixture, "image"));
	put(store, "image/1/R1", "a");
	assert_value(store, "image/1/R1", "a");
}

/* Images of a revision go at once; what is a level, or is being written, stays. */
static void test_forget_level(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	int fd;

	assert_int_equal(xs_store_forget_level(store, "image/1"), 0);
	assert_int_equal(xs_store_forget_level(store, "../image"), -EINVAL);
	put(store, "image/1/R1", "a");
	put(store, "image/1/R2", "b");
	put(store, "image/2/R1", "c");
	touch(fixture, "image/1/.R3.new", &fd);
	close(fd);
	assert_int_equal(xs_store_forget_level(store, "image/1"), 0);
	assert_false(is_there(fixture, "image/1"));
	assert_value(store, "image/2/R1", "c");
	assert_int_equal(xs_store_forget_level(store, "image"), 0);
	assert_value(store, "image/2/R1", "c");
	touch(fixture, "image/2/.R2.new", &fd);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(xs_store_forget_level(store, "image/2"), 0);
	assert_true(is_there(fixture, "image/2/.R2.new"));
	assert_false(is_there(fixture, "image/2/R1"));
	close(fd);
}

static void add(struct xs_store_batch *batch, const char *key, const char *text)
{
	assert_int_equal(xs_store_batch_add(batch, key, text, strlen(text)), 0);
}

/* Nothing is there before all of it is put, and nothing is left of one that is given up. */
static void test_batch(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	struct xs_store_batch *batch = xs_store_batch_new(store);

	assert_non_null(batch);
	assert_int_equal(xs_store_batch_put(batch), 0); /* of none */
	add(batch, "image/1/R1", "a");
	add(batch, "image/1/R2", "b");
	assert_int_equal(xs_store_batch_add_number(batch, "generation", 7), 0);
	add(batch, "revision", "1");
	assert_int_equal(xs_store_batch_add(batch, "image//x", "", 0), -EINVAL);
	assert_list(store, "image/1", "", 0);
	assert_false(is_there(fixture, "revision"));
	assert_int_equal(xs_store_batch_put(batch), 0);
	assert_list(store, "image/1", "R1 R2 ", 0);
	assert_value(store, "image/1/R2", "b");
	assert_value(store, "generation", "7\n");
	assert_value(store, "revision", "1");
	/* Once more by the same batch; the second value of a key is the one that stays. */
	add(batch, "revision", "2");
	add(batch, "revision", "3");
	assert_int_equal(xs_store_batch_put(batch), 0);
	assert_value(store, "revision", "3");
	add(batch, "revision", "4");
	add(batch, "ledger", "l");
	assert_true(is_there(fixture, ".revision.new"));
	xs_store_batch_free(batch);
	assert_false(is_there(fixture, ".revision.new"));
	assert_false(is_there(fixture, ".ledger.new"));
	assert_false(is_there(fixture, "ledger"));
	assert_value(store, "revision", "3");
}

/* More than a process may hold open, and a failure in the middle: the last one was not put. */
static void test_batch_of_many(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	struct xs_store_batch *batch = xs_store_batch_new(store);
	struct rlimit former, few;
	char key[64], text[16];
	void *value;
	size_t size;

	assert_non_null(batch);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
	few = (struct rlimit){ 200, former.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "image/1/R%d", i);
		snprintf(text, sizeof(text), "%d", i);
		add(batch, key, text);
	}
	add(batch, "revision", "1");
	assert_int_equal(xs_store_batch_put(batch), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "image/1/R%d", i);
		assert_int_equal(xs_store_get(store, key, &value, &size), 0);
		assert_int_equal(atoi(value), i);
		free(value);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
	put(store, "taken/x", "1");
	add(batch, "ledger", "l");
	add(batch, "taken", "a level is no value");
	add(batch, "revision", "2");
	assert_true(xs_store_batch_put(batch) < 0);
	assert_value(store, "revision", "1");
	assert_false(is_there(fixture, ".revision.new"));
	assert_false(is_there(fixture, ".taken.new"));
	xs_store_batch_free(batch);
}

static void test_list(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	char leftover[128];

	assert_list(store, "", "", 0);
	assert_list(store, "cell", "", 0);
	put(store, "cell/10", "1 2\n");
	put(store, "cell/9", "1 2\n");
	put(store, "cell/1", "1 2\n");
	put(store, "revision", "1\n");
	put(store, "image/3/R1", "x");
	/* What a killed writer leaves is no key. */
	snprintf(leftover, sizeof(leftover), "%s/cell/.1.new", fixture->path);
	close(open(leftover, O_CREAT | O_WRONLY, 0600));
	assert_list(store, "cell", "1 10 9 ", 0);
	assert_list(store, "", "cell image revision ", 0);
	assert_list(store, "revision", "", 0);
	put(store, "cell/stop", "");
	put(store, "cell/zzz", "");
	assert_list(store, "cell", "1 10 9 stop ", 7);
	put(store, "cell/1", "new");
	assert_value(store, "cell/1", "new");
	assert_int_equal(access(leftover, F_OK), -1);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "",     "\n",   "1",     "-1\n",  "+1\n",
					   " 1\n", "1 \n", "1\n\n", "0x1\n", "99999999999999999999\n" };
	struct fixture *fixture = *state;
	uint64_t number = 5;
	size_t i;

	assert_int_equal(xs_store_get_number(fixture->store, "generation", &number), -ENOENT);
	assert_int_equal(xs_store_put_number(fixture->store, "generation", UINT64_MAX), 0);
	assert_value(fixture->store, "generation", "18446744073709551615\n");
	assert_int_equal(xs_store_get_number(fixture->store, "generation", &number), 0);
	assert_true(number == UINT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(fixture->store, "generation", bad[i]);
		assert_int_equal(xs_store_get_number(fixture->store, "generation", &number), -EBADMSG);
	}
	assert_int_equal(xs_store_put(fixture->store, "generation", "1\n\0", 3), 0);
	assert_int_equal(xs_store_get_number(fixture->store, "generation", &number), -EBADMSG);
	assert_true(number == UINT64_MAX);
}

/* Readers in mid-change see one value or the other, never a part: every value is one letter, many times. */
static void test_values_are_whole(void **state)
{
	struct fixture *fixture = *state;
	static char text[50000];
	int writers = 2, i, status;
	pid_t child[2];

	memset(text, 'a', sizeof(text));
	assert_int_equal(xs_store_put(fixture->store, "big/value", text, sizeof(text)), 0);
	for (i = 0; i < writers; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i])
			continue;
		for (int round = 0; round < 60; round++) {
			memset(text, 'a' + (round * writers + i) % 26, sizeof(text));
			if (xs_store_put(fixture->store, "big/value", text, sizeof(text)))
				_exit(1);
		}
		_exit(0);
	}
	for (int round = 0; round < 300; round++) {
		void *value = NULL;
		size_t size = 0, j;

		assert_int_equal(xs_store_get(fixture->store, "big/value", &value, &size), 0);
		assert_int_equal(size, sizeof(text));
		for (j = 1; j < size; j++) {
			if (((char *)value)[j] != ((char *)value)[0])
				fail_msg("a part of one value and a part of another");
		}
		free(value);
	}
	for (i = 0; i < writers; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_list(fixture->store, "big", "value ", 0);
}

static void test_lock(void **state)
{
	struct fixture *fixture = *state;
	struct xs_store *other;
	int ready[2], status;
	pid_t child;
	char byte;

	assert_int_equal(xs_store_open(fixture->path, 0, &other), 0);
	assert_int_equal(xs_store_lock(fixture->store, 0), 0);
	assert_int_equal(xs_store_lock(fixture->store, 0), -EDEADLK);
	assert_int_equal(xs_store_lock(other, 0), -ETIMEDOUT);
	assert_int_equal(xs_store_lock(other, 30), -ETIMEDOUT);
	xs_store_unlock(fixture->store);
	assert_int_equal(xs_store_lock(other, -1), 0);
	xs_store_unlock(other);
	xs_store_unlock(other);

	/* It goes with its holder, however that ends. */
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (xs_store_lock(other, -1) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(xs_store_lock(fixture->store, 0), -ETIMEDOUT);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(xs_store_lock(fixture->store, 5000), 0);
	close(ready[0]);
	close(ready[1]);
	xs_store_close(other);
}

static bool woken(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void test_watch(void **state)
{
	static const char *const first[] = { "", "cell" };
	static const char *const second[] = { "report" }, *const bad[] = { "../cell" };
	struct fixture *fixture = *state;
	struct xs_store *store = fixture->store;
	int fd;

	assert_int_equal(xs_store_watch(store, bad, 1), -EINVAL);
	fd = xs_store_watch(store, first, 2);
	assert_true(fd >= 0);
	xs_store_watch_clear(store);
	assert_false(woken(fd));
	put(store, "revision", "1\n");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	assert_false(woken(fd));
	put(store, "cell/1", "1 2\n");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	put(store, "report/R1", "{}");
	put(store, "image/1/R1", "x");
	assert_false(woken(fd));
	assert_int_equal(xs_store_watch(store, second, 1), fd);
	put(store, "report/R1", "{}");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	assert_int_equal(xs_store_delete(store, "cell/1"), 0);
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	/* The last key of a watched level was taken away: the watch still holds. */
	put(store, "cell/2", "1 2\n");
	assert_true(woken(fd));
}

static void test_reports(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"revision\": 1}",
		"{\"duration_us\": 1, \"error\": \"\", \"failed\": 0, \"generation\": 1, \"map_writes\": 1, "
		"\"netlink_changes\": 1, "
		"\"pid\": 1, \"revision\": 1}",
		"{\"duration_us\": 1, \"error\": \"\", \"failed\": false, \"generation\": -1, \"map_writes\": 1, "
		"\"netlink_changes\": 1, \"pid\": 1, \"revision\": 1}",
		/* Whether it holds something is missing. */
		"{\"duration_us\": 1, \"error\": \"\", \"failed\": false, \"generation\": 1, \"map_writes\": 1, "
		"\"netlink_changes\": 1, \"netns\": \"\", \"pid\": 1, \"revision\": 1, "
		"\"revision_id\": \"0123456789abcdef\", \"warning\": \"\"}",
	};
	struct fixture *fixture = *state;
	struct xs_report report = {
		.revision = 3,
		.failed = 1,
		.holds = 1,
		.generation = 17,
		.netlink_changes = 250,
		.map_writes = 99,
		.duration_us = 12345,
		.pid = 77,
	};
	struct xs_report read, unchanged;
	size_t i;

	strcpy(report.error, "port \"r2\": no such device");
	strcpy(report.netns, "router1");
	memset(&read, 0x5a, sizeof(read));
	unchanged = read;
	assert_int_equal(xs_report_get(fixture->store, "R1", &read), -ENOENT);
	assert_int_equal(xs_report_get(fixture->store, "../R1", &read), -EINVAL);
	assert_int_equal(xs_report_put(fixture->store, "a/b", &report), -EINVAL);
	assert_int_equal(xs_report_put(fixture->store, "R1", &report), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(fixture->store, "report/R2", bad[i]);
		assert_int_equal(xs_report_get(fixture->store, "R2", &read), -EBADMSG);
	}
	assert_memory_equal(&read, &unchanged, sizeof(read));
	assert_int_equal(xs_report_get(fixture->store, "R1", &read), 0);
	assert_memory_equal(&read, &report, sizeof(read));
	strcpy(report.error, "no UTF-8: \xff!");
	assert_int_equal(xs_report_put(fixture->store, "R1", &report), 0);
	assert_int_equal(xs_report_get(fixture->store, "R1", &read), 0);
	assert_string_equal(read.error, "no UTF-8: ?!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tell, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_stay_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forget_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batch_of_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_are_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_watch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reports, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
