/* Runs Criterion's tests without Criterion's runner, for ThreadSanitizer: the runner's sandbox maps
 * its arena over the sanitizer's shadow memory. Defines what Criterion's macros call; a macro that
 * needs more does not link. Each test runs in a child process of its own, as under Criterion.
 *
 * Differs    Timeouts are ctest's, since everything is slower here. Parameterized tests and
 *            theories are refused.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED_STATUS = 77 };

/* Bounds of the sections that Test() and TestSuite() put pointers into; none without a suite. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

struct criterion_options criterion_options;

static const struct criterion_test *current_test;
static const struct criterion_test_extra_data *current_suite;
static _Atomic bool *failed; /* shared with the child; set by any thread of a test */
static FILE *console;        /* stderr, also where a test has redirected its own */
static int captured = -1;    /* the file that a redirected stderr goes to */

const char *__tsan_default_options(void);

/* A race in a test that is expected to die must not be mistaken for that death. */
const char *__tsan_default_options(void)
{
	return "halt_on_error=1";
}

static void report(const char *file, size_t line, const char *message)
{
	atomic_store_explicit(failed, true, memory_order_relaxed);
	fprintf(console, "%s:%zu: %s/%s: %s\n", file, line, current_test->category,
	        current_test->name, message);
}

/* What the trampoline of each test calls. */

void criterion_internal_test_setup(void)
{
	if (current_suite != NULL && current_suite->init != NULL)
		current_suite->init();
	if (current_test->data->init != NULL)
		current_test->data->init();
}

void criterion_internal_test_main(void (*function)(void))
{
	function();
}

void criterion_internal_test_teardown(void)
{
	if (current_test->data->fini != NULL)
		current_test->data->fini();
	if (current_suite != NULL && current_suite->fini != NULL)
		current_suite->fini();
}

void criterion_abort_test(void)
{
	atomic_store_explicit(failed, true, memory_order_relaxed);
	fflush(NULL);
	_exit(1);
}

void criterion_continue_test(void)
{
}

void criterion_skip_test(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(console, format, args);
	va_end(args);
	fputc('\n', console);
	fflush(NULL);
	_exit(SKIPPED_STATUS);
}

/* The assertions of criterion/assert.h. */

void criterion_send_assert(struct criterion_assert_stats *stats)
{
	if (!stats->passed)
		report(stats->file, stats->line, stats->message);
}

void cri_asserts_passed_incr(void)
{
}

char *cr_translate_assert_msg(int message_index, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, message_index);
	if (asprintf(&text, "does not hold: %s", va_arg(args, char *)) < 0)
		abort();
	va_end(args);
	return text;
}

int cr_asprintf(char **text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = vasprintf(text, format, args);
	va_end(args);
	return length;
}

void cr_asprintf_free(char *text)
{
	free(text);
}

/* The assertions of criterion/new/assert.h: a tree of what did not hold. */

char *cri_assert_message(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text; /* begins with the "x" that the macros put before each format */
}

void cri_assert_node_init(struct cri_assert_node *node)
{
	memset(node, 0, sizeof *node);
}

struct cri_assert_node *cri_assert_node_add(struct cri_assert_node *tree,
                                            struct cri_assert_node *node)
{
	tree->children = realloc(tree->children, (tree->nchild + 1u) * sizeof *node);
	if (tree->children == NULL)
		abort();
	tree->children[tree->nchild] = *node;
	return &tree->children[tree->nchild++];
}

void cri_assert_node_negate(struct cri_assert_node *tree)
{
	tree->pass = !tree->pass;
}

void cri_assert_node_term(struct cri_assert_node *tree)
{
	(void)tree; /* the process ends soon */
}

static void report_node(const char *file, size_t line, const struct cri_assert_node *node)
{
	if (node->repr != NULL)
		report(file, line, node->repr);
	for (size_t i = 0; i < CRI_ASSERT_MAX_PARAMS && node->params[i].name != NULL; i++)
		if (node->params[i].type == CRI_ASSERT_RT_STR && node->params[i].data != NULL)
			fprintf(console, "  %s: %s\n", node->params[i].name,
			        (char *)node->params[i].data);
	for (size_t i = 0; i < node->nchild; i++)
		report_node(file, line, &node->children[i]);
}

void cri_assert_node_send(const char *file, size_t line, struct cri_assert_node *tree)
{
	report(file, line, tree->message != NULL ? tree->message + 1 : "");
	report_node(file, line, tree);
}

/* Redirection, of stderr only. */

void cr_redirect_stderr(void)
{
	if (dup2(captured, STDERR_FILENO) < 0)
		abort();
}

int cr_stderr_match_str(const char *text)
{
	size_t length = strlen(text);
	char *content = malloc(length + 1); /* one more than can match */

	if (content == NULL)
		abort();
	fflush(stderr);
	ssize_t got = pread(captured, content, length + 1, 0);
	bool same = got == (ssize_t)length && memcmp(content, text, length) == 0;
	free(content);
	return same;
}

static void show_captured(void)
{
	char text[4096];
	ssize_t got;

	for (off_t offset = 0; (got = pread(captured, text, sizeof text, offset)) > 0;
	     offset += got)
		fwrite(text, 1, (size_t)got, console);
}

/* The runner. */

static const struct criterion_test_extra_data *find_suite(const char *name)
{
	for (struct criterion_suite **suite = __start_cr_sts; suite < __stop_cr_sts; suite++)
		if (*suite != NULL && strcmp((*suite)->name, name) == 0)
			return (*suite)->data;
	return NULL;
}

static bool wait_as_expected(pid_t child, int signal_number, int exit_code)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED_STATUS &&
	    exit_code != SKIPPED_STATUS)
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == signal_number && signal_number != 0)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == exit_code && signal_number == 0)
		return true;
	fprintf(console, "%s/%s: ended with %s %d\n", current_test->category, current_test->name,
	        WIFSIGNALED(status) ? "signal" : "status",
	        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

static bool run(const struct criterion_test *test)
{
	const struct criterion_test_extra_data *data = test->data;

	current_test = test;
	current_suite = find_suite(test->category);
	int signal_number = data->signal;
	int exit_code = data->exit_code;
	if (current_suite != NULL && signal_number == 0)
		signal_number = current_suite->signal;
	if (current_suite != NULL && exit_code == 0)
		exit_code = current_suite->exit_code;
	if (data->kind_ != CR_TEST_NORMAL) {
		fprintf(console, "%s/%s: not a plain test\n", test->category, test->name);
		return false;
	}
	atomic_store_explicit(failed, false, memory_order_relaxed);
	if (ftruncate(captured, 0) != 0 || lseek(captured, 0, SEEK_SET) != 0)
		return false;
	fflush(NULL);
	pid_t child = fork();
	if (child < 0)
		return false;
	if (child == 0) {
		if (signal_number != 0)
			signal(signal_number, SIG_DFL); /* the sanitizer handles some */
		test->test();
		exit(0);
	}
	return wait_as_expected(child, signal_number, exit_code) &&
	       !atomic_load_explicit(failed, memory_order_relaxed);
}

int main(void)
{
	unsigned passes = 0;
	unsigned failures = 0;

	console = fdopen(dup(STDERR_FILENO), "w");
	captured = memfd_create("stderr", MFD_CLOEXEC);
	failed =
	    mmap(NULL, sizeof *failed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (console == NULL || captured < 0 || failed == MAP_FAILED)
		return 1;
	setvbuf(console, NULL, _IOLBF, 0);
	for (struct criterion_test **test = __start_cr_tst; test < __stop_cr_tst; test++) {
		if (*test == NULL || (*test)->data->disabled)
			continue;
		if (run(*test)) {
			passes++;
		} else {
			failures++;
			show_captured();
		}
	}
	fprintf(console, "%u of %u tests passed\n", passes, passes + failures);
	return failures == 0 && passes > 0 ? 0 : 1;
}
