/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_store.c - the directory store: whole values, keys that stay inside, levels, one writer, watches, reports. Batches: test_store_batch.c. */
#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/store/report.h"
#include "selftests/unit/stored.h"

static void test_values(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store, *other;
	void *value = (void *)1;
	size_t size = 5;
	struct stat st;

	assert_int_equal(xs_store_open("/nonexistent/store", 0, &other), -ENOENT);
	assert_int_equal(stat(stored->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(xs_store_get(store, "revision", &value, &size), -ENOENT);
	assert_ptr_equal(value, (void *)1);
	assert_int_equal(size, 5);
	stored_put(store, "revision", "1\n");
	stored_put(store, "revision", "22\n");
	stored_put(store, "revision", "3\n");
	stored_expect(store, "revision", "3\n");
	stored_put(store, "image/12/R1", "bytes");
	stored_put(store, "image/12/R1", "");
	stored_expect(store, "image/12/R1", "");
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
	assert_int_equal(xs_store_open(stored->path, 0, &other), 0);
	stored_expect(other, "revision", "3\n");
	xs_store_close(other);
}

/* What is told is there as what is put, and nothing else is left. */
static void test_tell(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;

	assert_int_equal(xs_store_tell(store, "report/R1", "a", 1), 0);
	stored_expect(store, "report/R1", "a");
	assert_int_equal(xs_store_tell(store, "report/R1", "", 0), 0);
	stored_expect(store, "report/R1", "");
	stored_put(store, "report/R1", "b");
	stored_expect(store, "report/R1", "b");
	stored_expect_list(store, "report", "R1 ", 0);
	assert_int_equal(xs_store_tell(store, "report/../R1", "a", 1), -EINVAL);
	assert_true(xs_store_tell(store, "report", "a", 1) < 0);
	stored_expect(store, "report/R1", "b");
}

static int none_is_listed(void *context, const char *name)
{
	fail_msg("%s", name);
	return 0;
}

static void test_keys_stay_inside(void **state)
{
	static const char *const bad[] = { "",     "/", "/a",  "a/",    "a//b",      "..",   "../a", "a/../b",
					   "a/..", ".", "./a", ".lock", "a/.hidden", "a\nb", "a\x7f" };
	struct stored *stored = *state;
	char outside[128], longest[700];
	void *value;
	size_t i, size;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(xs_store_put(stored->store, bad[i], "x", 1), -EINVAL);
		assert_int_equal(xs_store_get(stored->store, bad[i], &value, &size), -EINVAL);
		assert_int_equal(xs_store_delete(stored->store, bad[i]), -EINVAL);
		if (*bad[i])
			assert_int_equal(xs_store_list(stored->store, bad[i], none_is_listed, NULL), -EINVAL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[201] = '\0';
	assert_int_equal(xs_store_put(stored->store, longest, "x", 1), -EINVAL);
	longest[200] = '\0';
	assert_int_equal(xs_store_put(stored->store, longest, "x", 1), 0);
	for (i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 100 == 99 ? '/' : 'a';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(xs_store_put(stored->store, longest, "x", 1), -EINVAL);
	snprintf(outside, sizeof(outside), "%s/a", stored->directory);
	assert_int_equal(access(outside, F_OK), -1);
}

/* What the tests of going begin with. */
static void put_images(struct xs_store *store)
{
	stored_put(store, "image/1/R1", "a");
	stored_put(store, "image/1/R2", "b");
	stored_put(store, "image/2/R1", "c");
}

static void test_delete(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;

	put_images(store);
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete(store, "nothing/at/all"), 0);
	stored_expect_list(store, "image", "1 2 ", 0);
	assert_int_equal(xs_store_delete(store, "image/1/R2"), 0);
	/* The level went with its last key, and comes back with the next. */
	stored_expect_list(store, "image", "2 ", 0);
	stored_put(store, "image/1/R9", "d");
	stored_expect_list(store, "image/1", "R9 ", 0);
}

/* Takes a level away where there is none, and none outside; then there are images, and one that somebody is writing, until he is killed: the
 * descriptor is closed. */
static int begin_levels(const struct stored *stored, int (*take_away)(struct xs_store *, const char *), const char *written)
{
	char path[200];
	int fd;

	assert_int_equal(take_away(stored->store, "image/1"), 0);
	assert_int_equal(take_away(stored->store, "../image"), -EINVAL);
	put_images(stored->store);
	snprintf(path, sizeof(path), "%s/%s", stored->path, written);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

/* What holds keys, or is being written, stays. */
static void test_delete_level(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	int fd = begin_levels(stored, xs_store_delete_level, "image/1/.R3.new");

	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	stored_expect(store, "image/1/R1", "a");
	assert_int_equal(xs_store_delete_level(store, "image/1/R1"), 0);
	stored_expect(store, "image/1/R1", "a");
	assert_int_equal(xs_store_delete(store, "image/1/R1"), 0);
	assert_int_equal(xs_store_delete(store, "image/1/R2"), 0);
	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	assert_true(stored_has_file(stored, "image/1/.R3.new"));
	close(fd);
	assert_int_equal(xs_store_delete_level(store, "image/1"), 0);
	assert_false(stored_has_file(stored, "image/1"));
	assert_int_equal(xs_store_delete_level(store, "image"), 0);
	stored_expect(store, "image/2/R1", "c");
	assert_int_equal(xs_store_delete(store, "image/2/R1"), 0);
	assert_true(stored_has_file(stored, "image"));
	assert_int_equal(xs_store_delete_level(store, "image"), 0);
	assert_false(stored_has_file(stored, "image"));
	stored_put(store, "image/1/R1", "a");
	stored_expect(store, "image/1/R1", "a");
}

/* Images of a revision go at once; what is a level, or is being written, stays. */
static void test_forget_level(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	int fd = begin_levels(stored, xs_store_forget_level, "image/2/.R2.new");

	assert_int_equal(xs_store_forget_level(store, "image/1"), 0);
	assert_false(stored_has_file(stored, "image/1"));
	stored_expect(store, "image/2/R1", "c");
	assert_int_equal(xs_store_forget_level(store, "image"), 0);
	stored_expect(store, "image/2/R1", "c");
	assert_int_equal(xs_store_forget_level(store, "image/2"), 0);
	assert_true(stored_has_file(stored, "image/2/.R2.new"));
	assert_false(stored_has_file(stored, "image/2/R1"));
	close(fd);
	assert_int_equal(xs_store_forget_level(store, "image/2"), 0);
	assert_false(stored_has_file(stored, "image/2"));
}

static void test_list(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	char leftover[128];

	stored_expect_list(store, "", "", 0);
	stored_expect_list(store, "cell", "", 0);
	stored_put(store, "cell/10", "1 2\n");
	stored_put(store, "cell/9", "1 2\n");
	stored_put(store, "cell/1", "1 2\n");
	stored_put(store, "revision", "1\n");
	stored_put(store, "image/3/R1", "x");
	/* What a killed writer leaves is no key. */
	snprintf(leftover, sizeof(leftover), "%s/cell/.1.new", stored->path);
	close(open(leftover, O_CREAT | O_WRONLY, 0600));
	stored_expect_list(store, "cell", "1 10 9 ", 0);
	stored_expect_list(store, "", "cell image revision ", 0);
	stored_expect_list(store, "revision", "", 0);
	stored_put(store, "cell/stop", "");
	stored_put(store, "cell/zzz", "");
	stored_expect_list(store, "cell", "1 10 9 stop ", 7);
	stored_put(store, "cell/1", "new");
	stored_expect(store, "cell/1", "new");
	assert_int_equal(access(leftover, F_OK), -1);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "",     "\n",   "1",     "-1\n",  "+1\n",
					   " 1\n", "1 \n", "1\n\n", "0x1\n", "99999999999999999999\n" };
	struct stored *stored = *state;
	uint64_t number = 5;
	size_t i;

	assert_int_equal(xs_store_get_number(stored->store, "generation", &number), -ENOENT);
	assert_int_equal(xs_store_put_number(stored->store, "generation", UINT64_MAX), 0);
	stored_expect(stored->store, "generation", "18446744073709551615\n");
	assert_int_equal(xs_store_get_number(stored->store, "generation", &number), 0);
	assert_true(number == UINT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stored_put(stored->store, "generation", bad[i]);
		assert_int_equal(xs_store_get_number(stored->store, "generation", &number), -EBADMSG);
	}
	assert_int_equal(xs_store_put(stored->store, "generation", "1\n\0", 3), 0);
	assert_int_equal(xs_store_get_number(stored->store, "generation", &number), -EBADMSG);
	assert_true(number == UINT64_MAX);
}

/* Readers in mid-change see one value or the other, never a part: every value is one letter, many times. */
static void test_values_are_whole(void **state)
{
	struct stored *stored = *state;
	static char text[50000];
	int writers = 2, i, status;
	pid_t child[2];

	memset(text, 'a', sizeof(text));
	assert_int_equal(xs_store_put(stored->store, "big/value", text, sizeof(text)), 0);
	for (i = 0; i < writers; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i])
			continue;
		for (int round = 0; round < 60; round++) {
			memset(text, 'a' + (round * writers + i) % 26, sizeof(text));
			if (xs_store_put(stored->store, "big/value", text, sizeof(text)))
				_exit(1);
		}
		_exit(0);
	}
	for (int round = 0; round < 300; round++) {
		void *value = NULL;
		size_t size = 0, j;

		assert_int_equal(xs_store_get(stored->store, "big/value", &value, &size), 0);
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
	stored_expect_list(stored->store, "big", "value ", 0);
}

static void test_lock(void **state)
{
	struct stored *stored = *state;
	struct xs_store *other;
	int ready[2], status;
	pid_t child;
	char byte;

	assert_int_equal(xs_store_open(stored->path, 0, &other), 0);
	assert_int_equal(xs_store_lock(stored->store, 0), 0);
	assert_int_equal(xs_store_lock(stored->store, 0), -EDEADLK);
	assert_int_equal(xs_store_lock(other, 0), -ETIMEDOUT);
	assert_int_equal(xs_store_lock(other, 30), -ETIMEDOUT);
	xs_store_unlock(stored->store);
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
	assert_int_equal(xs_store_lock(stored->store, 0), -ETIMEDOUT);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(xs_store_lock(stored->store, 5000), 0);
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
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	int fd;

	assert_int_equal(xs_store_watch(store, bad, 1), -EINVAL);
	fd = xs_store_watch(store, first, 2);
	assert_true(fd >= 0);
	xs_store_watch_clear(store);
	assert_false(woken(fd));
	stored_put(store, "revision", "1\n");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	assert_false(woken(fd));
	stored_put(store, "cell/1", "1 2\n");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	stored_put(store, "report/R1", "{}");
	stored_put(store, "image/1/R1", "x");
	assert_false(woken(fd));
	assert_int_equal(xs_store_watch(store, second, 1), fd);
	stored_put(store, "report/R1", "{}");
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	assert_int_equal(xs_store_delete(store, "cell/1"), 0);
	assert_true(woken(fd));
	xs_store_watch_clear(store);
	/* The last key of a watched level was taken away: the watch still holds. */
	stored_put(store, "cell/2", "1 2\n");
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
	struct stored *stored = *state;
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
	assert_int_equal(xs_report_get(stored->store, "R1", &read), -ENOENT);
	assert_int_equal(xs_report_get(stored->store, "../R1", &read), -EINVAL);
	assert_int_equal(xs_report_put(stored->store, "a/b", &report), -EINVAL);
	assert_int_equal(xs_report_put(stored->store, "R1", &report), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stored_put(stored->store, "report/R2", bad[i]);
		assert_int_equal(xs_report_get(stored->store, "R2", &read), -EBADMSG);
	}
	assert_memory_equal(&read, &unchanged, sizeof(read));
	assert_int_equal(xs_report_get(stored->store, "R1", &read), 0);
	assert_memory_equal(&read, &report, sizeof(read));
	strcpy(report.error, "no UTF-8: \xff!");
	assert_int_equal(xs_report_put(stored->store, "R1", &report), 0);
	assert_int_equal(xs_report_get(stored->store, "R1", &read), 0);
	assert_string_equal(read.error, "no UTF-8: ?!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_tell, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_keys_stay_inside, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_delete, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_delete_level, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_forget_level, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_list, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_numbers, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_values_are_whole, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_lock, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_watch, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_reports, stored_setup, stored_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
