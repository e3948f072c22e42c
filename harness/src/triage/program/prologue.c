#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every argument of every function is a machine word: a number, a handle or a pointer. */
typedef unsigned long W;
typedef W (*function)(W, W, W, W, W, W, W, W, W, W);
typedef struct { unsigned char *at; W length; } bytes;
typedef struct { unsigned char *at; W count; } list;

#define CKR_OK 0UL
#define NOT_AVAILABLE (~0UL)
/* A handle that no module gives out. */
#define DANGLING 0x5a5a5a5aUL

static void **functions;
static W how_many;

/* Memory that ends where a page begins that nobody may touch. */
static unsigned char *room(W length)
{
    W page = (W)sysconf(_SC_PAGESIZE);
    W whole = (length + page - 1) / page * page;
    unsigned char *memory = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + whole, page, PROT_NONE)) {
        perror("memory");
        exit(2);
    }
    return memory + whole - length;
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
    if (!text) {
        fprintf(stderr, "the environment variable %s is to hold the PIN\n", variable);
        exit(2);
    }
    return lit(text, strlen(text));
}

/* Copies into a field of a fixed size. */
static void copy(unsigned char *memory, W offset, bytes from, W size)
{
    memcpy(memory + offset, from.at, from.length < size ? from.length : size);
}

static W call(const char *name, W number, W a, W b, W c, W d, W e, W f, W g, W h, W i, W j)
{
    if (number >= how_many || !functions[number]) {
        printf("%s is not in the function list\n", name);
        exit(2);
    }
    printf("%s", name);
    fflush(stdout);
    W rv = ((function)functions[number])(a, b, c, d, e, f, g, h, i, j);
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
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    struct interface { const char *name; unsigned char *list; W flags; } *found = NULL;
    W (*interface)(const char *, void *, struct interface **, W) =
        (W (*)(const char *, void *, struct interface **, W))dlsym(library, "C_GetInterface");
    unsigned char *table = NULL;
    if (interface && interface("PKCS 11", NULL, &found, 0) == CKR_OK && found) {
        table = found->list;
    } else {
        W (*old)(unsigned char **) = (W (*)(unsigned char **))dlsym(library, "C_GetFunctionList");
        if (!old || old(&table) != CKR_OK) {
            fprintf(stderr, "%s has no function list\n", path);
            exit(2);
        }
    }
    /* A version of two bytes, then the functions: 68 of them up to 2.40, 92 in 3.0 and 3.1. */
    how_many = table[0] < 3 ? 68 : table[1] < 2 ? 92 : 104;
    functions = (void **)(table + sizeof(void *));
}

/* The slot named by P11_SLOT, else the usual one, else the first that has a token. */
static W the_slot(W usual)
{
    const char *named = getenv("P11_SLOT");
    if (named)
        return strtoul(named, NULL, 0);
    W slots[64], count = 64;
    if (((function)functions[4])(1, (W)slots, (W)&count, 0, 0, 0, 0, 0, 0, 0) != CKR_OK || !count) {
        fprintf(stderr, "no slot has a token\n");
        exit(2);
    }
    for (W at = 0; at < count; at++)
        if (slots[at] == usual)
            return usual;
    return slots[0];
}
