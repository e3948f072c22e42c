/* The behaviours of the hostile module: one function each, and a table of them at the end.
 * Which one, the environment variable HOSTILE says: "function:behaviour,function:behaviour". */
#define _GNU_SOURCE
#include "cryptoki.h"

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    unsigned char *buffer;
    size_t length;
    CK_RV *rv;
};

/* What a behaviour gives if its function is to go on as if nothing had happened. */
#define GO_ON 0
/* ... and if it is to return at once. */
#define RETURN 1

static volatile int zero;
static volatile unsigned char sink;
static void (*volatile nowhere)(void);

static int segv_read(struct place *at)
{
    (void)at;
    sink = *(volatile unsigned char *)0x10;
    return GO_ON;
}

static int segv_write(struct place *at)
{
    (void)at;
    *(volatile unsigned char *)0x20 = 1;
    return GO_ON;
}

static int segv_readonly(struct place *at)
{
    static const char text[] = "constant";
    (void)at;
    *(volatile char *)text = 'C';
    return GO_ON;
}

static int null_call(struct place *at)
{
    (void)at;
    nowhere();
    return GO_ON;
}

static int data_call(struct place *at)
{
    static unsigned char data[64];
    (void)at;
    ((void (*)(void))(void *)data)();
    return GO_ON;
}

static int do_abort(struct place *at)
{
    (void)at;
    abort();
}

static int do_exit(struct place *at)
{
    (void)at;
    exit(3);
}

static int do_immediate_exit(struct place *at)
{
    (void)at;
    _exit(4);
}

static int do_quick_exit(struct place *at)
{
    (void)at;
    quick_exit(5);
}

static int hang(struct place *at)
{
    (void)at;
    for (;;)
        pause();
}

static int busy_loop(struct place *at)
{
    (void)at;
    while (!zero)
        sink++;
    return GO_ON;
}

static int blocked_hang(struct place *at)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    return hang(at);
}

static int stop(struct place *at)
{
    (void)at;
    raise(SIGSTOP);
    return GO_ON;
}

static int nap(struct place *at)
{
    (void)at;
    usleep(100 * 1000);
    return GO_ON;
}

static int recurse(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static int recursion(struct place *at)
{
    (void)at;
    sink = (unsigned char)recurse(0);
    return GO_ON;
}

static int double_free(struct place *at)
{
    void *volatile block = malloc(100000);
    (void)at;
    memset(block, 1, 100000);
    free(block);
    free(block);
    return GO_ON;
}

/* Writes over what the allocator keeps right before a block. */
static int heap_corruption(struct place *at)
{
    unsigned char *volatile block = malloc(24);
    volatile int index;
    (void)at;
    for (index = -8; index < 0; index++)
        block[index] = 0xee;
    free(block);
    return GO_ON;
}

static int leak(struct place *at)
{
    (void)at;
    for (;;) {
        void *block = malloc(1 << 20);
        if (block)
            memset(block, 1, 1 << 20);
        usleep(200);
    }
}

/* Takes 64 MiB for good, and answers. */
static int keep(struct place *at)
{
    void *block = malloc(64 << 20);
    (void)at;
    if (block)
        memset(block, 1, 64 << 20);
    sink = block ? *(unsigned char *)block : 0;
    return GO_ON;
}

/* Writes a file without end, as long as the system lets it. */
static int fill(struct place *at)
{
    static const unsigned char zeros[1 << 16];
    FILE *file = tmpfile();
    size_t written = 0;
    (void)at;
    while (file && written < 64 << 20) {
        ssize_t more = write(fileno(file), zeros, sizeof zeros);
        if (more <= 0)
            break;
        written += (size_t)more;
    }
    if (file)
        fclose(file);
    return GO_ON;
}

static int over_write(struct place *at)
{
    if (at->buffer)
        ((volatile unsigned char *)at->buffer)[at->length] = 0;
    return GO_ON;
}

static int over_read(struct place *at)
{
    if (at->buffer)
        sink = ((volatile unsigned char *)at->buffer)[at->length];
    return GO_ON;
}

static int under_write(struct place *at)
{
    if (at->buffer)
        ((volatile unsigned char *)at->buffer)[-1] = 0;
    return GO_ON;
}

static int print_stdout(struct place *at)
{
    (void)at;
    printf("hostile words on stdout");
    return GO_ON;
}

static int print_stderr(struct place *at)
{
    (void)at;
    fprintf(stderr, "hostile words on stderr\n");
    return GO_ON;
}

static int print_and_crash(struct place *at)
{
    print_stdout(at);
    return segv_read(at);
}

static int flood_stdout(struct place *at)
{
    static char block[1 << 16];
    int count;
    (void)at;
    memset(block, 'f', sizeof block);
    for (count = 0; count < 1024; count++)
        if (write(1, block, sizeof block) < 0)
            break;
    return GO_ON;
}

static int ignore_segv(struct place *at)
{
    signal(SIGSEGV, SIG_IGN);
    return segv_read(at);
}

static void own_handler(int number)
{
    (void)number;
}

static int replace_handler(struct place *at)
{
    (void)at;
    signal(SIGSEGV, own_handler);
    signal(SIGUSR1, own_handler);
    signal(SIGPIPE, SIG_DFL);
    return GO_ON;
}

static int block_signals(struct place *at)
{
    sigset_t set;
    (void)at;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return GO_ON;
}

static int block_and_crash(struct place *at)
{
    block_signals(at);
    return segv_read(at);
}

static int change_directory(struct place *at)
{
    (void)at;
    sink = (unsigned char)chdir("/");
    return GO_ON;
}

static int close_descriptors(struct place *at)
{
    int fd;
    (void)at;
    for (fd = 0; fd < 1024; fd++)
        close(fd);
    return GO_ON;
}

static int close_streams(struct place *at)
{
    (void)at;
    close(0);
    close(1);
    close(2);
    return GO_ON;
}

static int leak_descriptor(struct place *at)
{
    (void)at;
    sink = (unsigned char)open("/dev/zero", O_RDONLY);
    return GO_ON;
}

static int exhaust_descriptors(struct place *at)
{
    /* Of as many as there may be it would take a while. */
    struct rlimit few = {256, 256};
    setrlimit(RLIMIT_NOFILE, &few);
    while (open("/dev/zero", O_RDONLY) >= 0)
        ;
    return segv_read(at);
}

/* Parent and child both go on and return. */
static int fork_and_return(struct place *at)
{
    (void)at;
    sink = (unsigned char)fork();
    return GO_ON;
}

static int kill_self(struct place *at)
{
    (void)at;
    kill(getpid(), SIGKILL);
    return hang(at);
}

static int divide_by_zero(struct place *at)
{
    (void)at;
#if defined(__aarch64__)
    raise(SIGFPE);
#else
    sink = (unsigned char)(7 / zero);
#endif
    return GO_ON;
}

static int illegal_instruction(struct place *at)
{
    (void)at;
    __builtin_trap();
}

static int bus_error(struct place *at)
{
    int fd = memfd_create("empty", 0);
    volatile unsigned char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    (void)at;
    close(fd);
    sink = *page;
    return GO_ON;
}

static int change_environment(struct place *at)
{
    (void)at;
    setenv("HOSTILE_ADDED", "secret", 1);
    unsetenv("HOSTILE_REMOVE_ME");
    return GO_ON;
}

static int change_umask(struct place *at)
{
    (void)at;
    umask(0);
    return GO_ON;
}

static int change_locale(struct place *at)
{
    (void)at;
    setlocale(LC_ALL, "C.UTF-8");
    return GO_ON;
}

static void *crash_later(void *argument)
{
    usleep(50 * 1000);
    segv_write(NULL);
    return argument;
}

static int in_thread(void *(*what)(void *))
{
    pthread_t thread;
    pthread_create(&thread, NULL, what, NULL);
    return GO_ON;
}

static int crash_in_thread(struct place *at)
{
    (void)at;
    return in_thread(crash_later);
}

static void *exit_later(void *argument)
{
    usleep(50 * 1000);
    exit(6);
    return argument;
}

static int exit_in_thread(struct place *at)
{
    (void)at;
    return in_thread(exit_later);
}

/* Writes over every writable shared mapping of the process. */
static int scribble(struct place *at)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    (void)at;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long begin, end, address;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) != 3)
            continue;
        if (strcmp(rights, "rw-s") != 0)
            continue;
        for (address = begin; address + 64 <= end; address += 4096)
            memset((void *)address, 0xff, 64);
    }
    if (maps)
        fclose(maps);
    return GO_ON;
}

/* Ends the peace: see `is_peace`. */
static int arm(struct place *at)
{
    const char *path = getenv("HOSTILE_WHEN");
    int fd = path ? open(path, O_WRONLY | O_CREAT, 0600) : -1;
    (void)at;
    close(fd);
    return GO_ON;
}

/* Ends the program whose number the file HOSTILE_PROGRAM has, as a daemon that does not outlive a request. */
static int end_program(struct place *at)
{
    const char *path = getenv("HOSTILE_PROGRAM");
    FILE *file = path ? fopen(path, "r") : NULL;
    int program = 0;
    if (file && fscanf(file, "%d", &program) == 1 && program > 1)
        kill(program, SIGABRT);
    if (file)
        fclose(file);
    *at->rv = CKR_DEVICE_ERROR;
    return RETURN;
}

static int unknown_code(struct place *at)
{
    *at->rv = 0xdeadbeef;
    return RETURN;
}

static int error(struct place *at)
{
    *at->rv = CKR_GENERAL_ERROR;
    return RETURN;
}

/* As a library that is not initialised, which it stays. */
static int deny_initialized(struct place *at)
{
    *at->rv = CKR_CRYPTOKI_NOT_INITIALIZED;
    return RETURN;
}

static const struct {
    const char *name;
    int (*act)(struct place *at);
} behaviours[] = {
    {"segv-read", segv_read},
    {"segv-write", segv_write},
    {"segv-readonly", segv_readonly},
    {"null-call", null_call},
    {"data-call", data_call},
    {"abort", do_abort},
    {"exit", do_exit},
    {"_exit", do_immediate_exit},
    {"quick-exit", do_quick_exit},
    {"hang", hang},
    {"busy-loop", busy_loop},
    {"blocked-hang", blocked_hang},
    {"stop", stop},
    {"nap", nap},
    {"recursion", recursion},
    {"double-free", double_free},
    {"heap-corruption", heap_corruption},
    {"leak", leak},
    {"keep", keep},
    {"fill", fill},
    {"over-write", over_write},
    {"over-read", over_read},
    {"under-write", under_write},
    {"write-stdout", print_stdout},
    {"write-stderr", print_stderr},
    {"print-and-crash", print_and_crash},
    {"flood-stdout", flood_stdout},
    {"ignore-segv", ignore_segv},
    {"replace-handler", replace_handler},
    {"block-signals", block_signals},
    {"block-and-crash", block_and_crash},
    {"chdir", change_directory},
    {"close-fds", close_descriptors},
    {"close-stdio", close_streams},
    {"leak-fd", leak_descriptor},
    {"exhaust-fds", exhaust_descriptors},
    {"fork", fork_and_return},
    {"kill-self", kill_self},
    {"fpe", divide_by_zero},
    {"ill", illegal_instruction},
    {"bus", bus_error},
    {"setenv", change_environment},
    {"umask", change_umask},
    {"setlocale", change_locale},
    {"thread-crash", crash_in_thread},
    {"thread-exit", exit_in_thread},
    {"scribble", scribble},
    {"arm", arm},
    {"end-program", end_program},
    {"race", race},
    {"fork-first", fork_first},
    {"vfork-first", vfork_first},
    {"handle-traps", handle_traps},
    {"block-traps", block_traps},
    {"unknown-code", unknown_code},
    {"error", error},
    {"deny-initialized", deny_initialized},
};

/* The behaviour asked of `function`: its begin, and in `*length` its length. */
static const char *behaviour_of(const char *function, size_t *length)
{
    const char *item = getenv("HOSTILE");
    size_t name = strlen(function);
    while (item && *item) {
        size_t whole = strcspn(item, ",");
        if (whole > name && item[name] == ':' && strncmp(item, function, name) == 0) {
            *length = whole - name - 1;
            return item + name + 1;
        }
        item += whole + (item[whole] == ',');
    }
    return NULL;
}

static int is_named(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(text, name, length) == 0;
}

int is_asked(const char *function, const char *behaviour)
{
    size_t length;
    const char *asked = behaviour_of(function, &length);
    return asked && is_named(asked, length, behaviour);
}

/* With HOSTILE_WHEN in the environment nothing misbehaves until the file it names is there, which
 * the behaviour "arm" makes. */
static int is_peace(const char *asked, size_t length)
{
    const char *path = getenv("HOSTILE_WHEN");
    return path && access(path, F_OK) != 0 && !is_named(asked, length, "arm");
}

int misbehave(const char *function, void *buffer, size_t length, CK_RV *rv)
{
    struct place at = {buffer, length, rv};
    size_t asked_length, index;
    const char *asked = behaviour_of(function, &asked_length);
    if (!asked || is_peace(asked, asked_length))
        return GO_ON;
    for (index = 0; index < sizeof behaviours / sizeof behaviours[0]; index++)
        if (is_named(asked, asked_length, behaviours[index].name))
            return behaviours[index].act(&at);
    return GO_ON;
}
