#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every argument of every function is a machine word: a number, a handle or a pointer. */
typedef unsigned long W;
typedef W (*function)(W, W, W, W, W, W, W, W, W, W);
typedef struct { unsigned char *at; W length; } bytes;
typedef struct { unsigned char *at; W count; } list;

#define CKR_OK 0UL
#define NOT_AVAILABLE (~0UL)
/* No output is larger. */
#define MOST_ASKED (64UL << 20)
/* A handle that no module gives out. */
#define DANGLING 0x5a5a5a5aUL

/* The exit codes; see the top. */
enum { NOT_SEEN, SEEN, UNKNOWN, CHANGED, NOT_JUDGED };

static void **functions;
static W how_many;
/* The call that is being made; nothing between calls. */
static char *making;

/* What has nothing to do with the finding went wrong, and says nothing of it. */
static void cannot(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    fflush(stdout);
    fprintf(stderr, "nothing is known: ");
    vfprintf(stderr, format, words);
    fprintf(stderr, "\n");
    va_end(words);
    exit(UNKNOWN);
}

static void too_late(int signal)
{
    static const char words[] = "\nseen: the call did not return in time\n";
    (void)signal;
    (void)!write(2, words, sizeof words - 1);
    _exit(SEEN);
}

/* Goes on in a child, so that what ends it is known: a module may call exit with whatever status. */
static void watched(void)
{
    making = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = making == MAP_FAILED ? -1 : fork();
    int status = 0;
    if (child < 0)
        cannot("no memory");
    if (child == 0)
        return;
    while (waitpid(child, &status, 0) < 0)
        ;
    if (WIFSIGNALED(status)) {
        /* As if it had been this process; the memory worth looking at is the child's. */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
    }
    if (*making && WEXITSTATUS(status) != SEEN)
        fprintf(stderr, "\nseen: %s called exit\n", making);
    exit(*making ? SEEN : WEXITSTATUS(status));
}

/* The next call has so many seconds; 0 for as many as it takes. */
static void limit(unsigned seconds)
{
    signal(SIGALRM, too_late);
    alarm(seconds);
}

/* A call that comes before the finding. */
static void set_up(const char *name, W rv, int as_it_was)
{
    if (!as_it_was)
        cannot("%s returned 0x%lx: the program does not come to the finding", name, rv);
}

/* The call that the finding is about. */
static void judge(const char *name, W rv, int seen, int right)
{
    if (seen || !right) {
        printf("%s: %s returned 0x%lx\n", seen ? "seen" : "changed", name, rv);
        exit(seen ? SEEN : CHANGED);
    }
}

/* With the folder that P11_SCRATCH names for every ${scratch}. */
static char *expanded(const char *text)
{
    const char *mark = strstr(text, "${scratch}"), *folder = getenv("P11_SCRATCH");
    char *made = NULL;
    if (!mark)
        return strdup(text);
    if (!folder)
        cannot("P11_SCRATCH is to name a folder with a token, as the top of this program says");
    char *rest = expanded(mark + strlen("${scratch}"));
    if (asprintf(&made, "%.*s%s%s", (int)(mark - text), text, folder, rest) < 0)
        cannot("no memory");
    return made;
}

/* A variable that the target sets. One that is set already is left alone. */
static void variable(const char *name, const char *value)
{
    if (!getenv(name) && (getenv("P11_SCRATCH") || !strstr(value, "${scratch}")))
        setenv(name, expanded(value), 0);
}

/* Memory that ends where a page begins that nobody may touch. */
static unsigned char *room(W length)
{
    W page = (W)sysconf(_SC_PAGESIZE);
    W whole = (length + page - 1) / page * page;
    unsigned char *memory = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + whole, page, PROT_NONE))
        cannot("no memory");
    return memory + whole - length;
}

/* Room for as many elements as the module asks for. */
static unsigned char *asked(W size, W count)
{
    if (count > MOST_ASKED / size) {
        printf("seen: 0x%lx is named as the size of an output\n", count);
        exit(SEEN);
    }
    return room(size * count);
}

static void put(unsigned char *memory, W offset, W value, int width)
{
    memcpy(memory + offset, &value, (size_t)width);
}

static W get(const unsigned char *memory, W offset)
{
    W value;
    memcpy(&value, memory + offset, sizeof value);
    return value;
}

static bytes lit(const char *text, W length)
{
    bytes made = {room(length), length};
    memcpy(made.at, text, length);
    return made;
}

static bytes repeat(int byte, W count)
{
    bytes made = {room(count), count};
    memset(made.at, byte, count);
    return made;
}

static bytes joined(bytes first, bytes second)
{
    bytes made = {room(first.length + second.length), first.length + second.length};
    memcpy(made.at, first.at, first.length);
    memcpy(made.at + first.length, second.at, second.length);
    return made;
}

static bytes flipped(bytes of, W bit)
{
    bytes made = lit((const char *)of.at, of.length);
    if (bit / 8 < made.length)
        made.at[bit / 8] ^= 0x80 >> bit % 8;
    return made;
}

static bytes taken(bytes of, W count)
{
    return lit((const char *)of.at, count < of.length ? count : of.length);
}

static bytes skipped(bytes of, W count)
{
    W gone = count < of.length ? count : of.length;
    return lit((const char *)of.at + gone, of.length - gone);
}

static bytes secret(const char *variable)
{
    const char *text = getenv(variable);
    if (!text)
        cannot("the environment variable %s is to hold the PIN", variable);
    return lit(text, strlen(text));
}

/* Copies into a field of a fixed size. */
static void copy(unsigned char *memory, W offset, bytes from, W size)
{
    memcpy(memory + offset, from.at, from.length < size ? from.length : size);
}

static W call(const char *name, W number, W a, W b, W c, W d, W e, W f, W g, W h, W i, W j)
{
    if (number >= how_many || !functions[number])
        cannot("%s is not in the function list", name);
    printf("%s", name);
    fflush(stdout);
    strcpy(making, name);
    W rv = ((function)functions[number])(a, b, c, d, e, f, g, h, i, j);
    *making = 0;
    printf(" = 0x%lx\n", rv);
    fflush(stdout);
    return rv;
}

/* Some values come with outputs though they are not CKR_OK: too small a buffer, and attributes that
 * are missing or secret among others that are not. */
static int tells(W rv)
{
    return rv == CKR_OK || rv == 0x150 || rv == 0x11 || rv == 0x12;
}

static void load(const char *path)
{
    if (!path)
        cannot("name the module as the first argument");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        cannot("%s", dlerror());
    struct interface { const char *name; unsigned char *list; W flags; } *found = NULL;
    W (*interface)(const char *, void *, struct interface **, W) =
        (W (*)(const char *, void *, struct interface **, W))dlsym(library, "C_GetInterface");
    unsigned char *table = NULL;
    if (interface && interface("PKCS 11", NULL, &found, 0) == CKR_OK && found) {
        table = found->list;
    } else {
        W (*old)(unsigned char **) = (W (*)(unsigned char **))dlsym(library, "C_GetFunctionList");
        if (!old || old(&table) != CKR_OK)
            cannot("%s has no function list", path);
    }
    /* A version of two bytes, then the functions: 68 of them up to 2.40, 92 in 3.0 and 3.1. */
    how_many = table[0] < 3 ? 68 : table[1] < 2 ? 92 : 104;
    functions = (void **)(table + sizeof(void *));
}

/* Whether a slot has a token that is initialised, with this label if there is one. */
static int fits(W slot, const char *label)
{
    /* CK_TOKEN_INFO begins with 32 bytes of label, filled up with blanks; its flags are behind 96. */
    unsigned char info[256] = {0};
    char padded[33];
    if (((function)functions[6])(slot, (W)info, 0, 0, 0, 0, 0, 0, 0, 0) != CKR_OK || !(get(info, 96) & 0x400))
        return 0;
    snprintf(padded, sizeof padded, "%-32s", label ? label : "");
    return !label || !memcmp(info, padded, 32);
}

/* The slot named by P11_SLOT, else that of the token labelled P11_LABEL, else that of the label of the run, else the
 * first with a token that is initialised. Before the library is initialised none is known, nor used. */
static W the_slot(W of_run, const char *usual)
{
    const char *named = getenv("P11_SLOT"), *label = getenv("P11_LABEL");
    if (named)
        return strtoul(named, NULL, 0);
    W slots[256], count = 256;
    W rv = ((function)functions[4])(1, (W)slots, (W)&count, 0, 0, 0, 0, 0, 0, 0);
    if (rv == 0x190)
        return of_run;
    if (rv != CKR_OK)
        cannot("C_GetSlotList returned 0x%lx: name the slot by P11_SLOT", rv);
    for (W at = 0; (label || usual) && at < count; at++)
        if (fits(slots[at], label ? label : usual))
            return slots[at];
    for (W at = 0; !label && at < count; at++)
        if (fits(slots[at], NULL))
            return slots[at];
    if (!label && !usual && count)
        return slots[0];
    cannot("no slot has a token that is initialised%s%s; make one as the top of this program says",
           label ? " and labelled " : "", label ? label : "");
    return 0;
}
