/* An independent measure of what `p11assay bench` tells: the same calls in a plain loop, in many slices. It
 * has nothing of p11assay's.
 *
 *   cc -O2 -o independent harness/benches/independent.c -ldl
 *   ./independent MODULE PIN OPERATION BYTES [INIT_ARGS]
 *
 * OPERATION is info (C_GetSessionInfo), digest (SHA-256), cbc (AES-256-CBC), hmac (SHA-256), ecdsa (P-256
 * sign) or rsa (RSA-2048 PKCS #1 sign); the slot is SLOT, or the first with a token. With SO_PIN the first slot
 * gets a token first. It prints the time of an operation in nanoseconds: the median slice, and the one that a
 * tenth of all are faster than. `cargo bench --bench agreement` runs it beside `p11assay bench`.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned char byte;
typedef unsigned long ulong;
typedef struct { ulong type; void *parameter; ulong length; } mechanism;
typedef struct { ulong type; void *value; ulong length; } attribute;
typedef struct { void *a, *b, *c, *d; ulong flags; void *reserved; } init_args;
typedef struct { void *a, *b, *c, *d; ulong flags; char *nss; void *reserved; } nss_args;

/* The functions of CK_FUNCTION_LIST in their order, two bytes of version before them. */
enum { INITIALIZE, FINALIZE, GET_SLOT_LIST = 4, INIT_TOKEN = 9, INIT_PIN = 10, OPEN_SESSION = 12,
       CLOSE_ALL_SESSIONS = 14, GET_SESSION_INFO = 15, LOGIN = 18,
       CREATE_OBJECT = 20, ENCRYPT_INIT = 29, ENCRYPT = 30, DIGEST_INIT = 37, DIGEST = 38, SIGN_INIT = 42,
       SIGN = 43, GENERATE_KEY = 58, GENERATE_KEY_PAIR = 59 };
struct list { byte version[2]; ulong (*f[68])(); };

static struct list *p11;
static ulong session, key, size;
enum { SLICES = 101 };
static byte data[1 << 20], out[(1 << 20) + 64];

static void check(ulong rv, const char *what) {
    if (rv != 0) { fprintf(stderr, "%s: 0x%lx\n", what, rv); exit(1); }
}

static mechanism sha256 = { 0x250, NULL, 0 }, ecdsa = { 0x1041, NULL, 0 }, rsa = { 0x1, NULL, 0 };
static byte iv[16];
static mechanism cbc = { 0x1082, iv, 16 }, hmac = { 0x251, NULL, 0 };

static void info(void) {
    ulong state[4];
    check(p11->f[GET_SESSION_INFO](session, state), "C_GetSessionInfo");
}
static void digest(void) {
    ulong length = 32;
    check(p11->f[DIGEST_INIT](session, &sha256), "C_DigestInit");
    check(p11->f[DIGEST](session, data, size, out, &length), "C_Digest");
}
static void encrypt(void) {
    ulong length = sizeof out;
    check(p11->f[ENCRYPT_INIT](session, &cbc, key), "C_EncryptInit");
    check(p11->f[ENCRYPT](session, data, size, out, &length), "C_Encrypt");
}
static mechanism *signing;
static void sign(void) {
    ulong length = 512;
    check(p11->f[SIGN_INIT](session, signing, key), "C_SignInit");
    check(p11->f[SIGN](session, data, size, out, &length), "C_Sign");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}
static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words) {
    if (count < 5) { fprintf(stderr, "MODULE PIN OPERATION BYTES [INIT_ARGS]\n"); return 2; }
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    ulong (*get)(struct list **) = (ulong (*)(struct list **))dlsym(library, "C_GetFunctionList");
    check(get(&p11), "C_GetFunctionList");
    init_args plain = { 0, 0, 0, 0, 2, NULL };
    nss_args nss = { 0, 0, 0, 0, 2, count > 5 ? words[5] : NULL, NULL };
    check(p11->f[INITIALIZE](count > 5 ? (void *)&nss : (void *)&plain), "C_Initialize");
    ulong slots[16], found = 16;
    char *so_pin = getenv("SO_PIN");
    if (so_pin) {
        char label[33] = "independent                     ";
        check(p11->f[GET_SLOT_LIST](0, slots, &found), "C_GetSlotList");
        check(p11->f[INIT_TOKEN](slots[0], so_pin, strlen(so_pin), label), "C_InitToken");
        found = 16;
        check(p11->f[GET_SLOT_LIST](1, slots, &found), "C_GetSlotList");
        check(p11->f[OPEN_SESSION](slots[0], 6UL, NULL, NULL, &session), "C_OpenSession");
        check(p11->f[LOGIN](session, 0UL, so_pin, strlen(so_pin)), "C_Login");
        check(p11->f[INIT_PIN](session, words[2], strlen(words[2])), "C_InitPIN");
        check(p11->f[CLOSE_ALL_SESSIONS](slots[0]), "C_CloseAllSessions");
        found = 16;
    }
    check(p11->f[GET_SLOT_LIST](1, slots, &found), "C_GetSlotList");
    const char *which = getenv("SLOT");
    ulong slot = which ? strtoul(which, NULL, 0) : slots[0];
    check(p11->f[OPEN_SESSION](slot, 6UL, NULL, NULL, &session), "C_OpenSession");
    if (*words[2]) check(p11->f[LOGIN](session, 1UL, words[2], strlen(words[2])), "C_Login");
    size = strtoul(words[4], NULL, 0);
    memset(data, 0x61, sizeof data);

    ulong secret = 4, generic = 0x10, bytes = 32, bits = 2048, public;
    byte no = 0, on = 1, exponent[] = { 1, 0, 1 };
    byte p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    attribute signs[] = { { 1, &no, 1 }, { 0x108, &on, 1 } };
    void (*operation)(void) = NULL;
    if (!strcmp(words[3], "info")) operation = info;
    if (!strcmp(words[3], "digest")) operation = digest;
    if (!strcmp(words[3], "cbc")) {
        mechanism generate = { 0x1080, NULL, 0 };
        attribute template[] = { { 1, &no, 1 }, { 0x104, &on, 1 }, { 0x161, &bytes, 8 } };
        check(p11->f[GENERATE_KEY](session, &generate, template, 3UL, &key), "C_GenerateKey");
        operation = encrypt;
    }
    if (!strcmp(words[3], "hmac")) {
        byte value[32];
        memset(value, 0x42, 32);
        attribute template[] = { { 0, &secret, 8 }, { 0x100, &generic, 8 }, { 1, &no, 1 }, { 0x108, &on, 1 }, { 0x11, value, 32 } };
        check(p11->f[CREATE_OBJECT](session, template, 5UL, &key), "C_CreateObject");
        signing = &hmac;
        operation = sign;
    }
    if (!strcmp(words[3], "ecdsa")) {
        mechanism generate = { 0x1040, NULL, 0 };
        attribute template[] = { { 1, &no, 1 }, { 0x10a, &on, 1 }, { 0x180, p256, sizeof p256 } };
        check(p11->f[GENERATE_KEY_PAIR](session, &generate, template, 3UL, signs, 2UL, &public, &key), "C_GenerateKeyPair");
        signing = &ecdsa;
        operation = sign;
    }
    if (!strcmp(words[3], "rsa")) {
        mechanism generate = { 0x0, NULL, 0 };
        attribute template[] = { { 1, &no, 1 }, { 0x10a, &on, 1 }, { 0x121, &bits, 8 }, { 0x122, exponent, 3 } };
        check(p11->f[GENERATE_KEY_PAIR](session, &generate, template, 4UL, signs, 2UL, &public, &key), "C_GenerateKeyPair");
        signing = &rsa;
        operation = sign;
    }
    if (!operation) { fprintf(stderr, "no such operation\n"); return 2; }

    /* Slices of some milliseconds, as long as the samples of `p11assay bench --quick`, after one that is not
       counted. */
    long turns = 1;
    for (;;) {
        double begun = now();
        for (long i = 0; i < turns; i++) operation();
        if (now() - begun > 3e6) break;
        turns *= 2;
    }
    static double slices[SLICES];
    for (int s = 0; s < SLICES; s++) {
        double begun = now();
        for (long i = 0; i < turns; i++) operation();
        slices[s] = (now() - begun) / turns;
    }
    qsort(slices, SLICES, sizeof *slices, order);
    printf("%.1f %.1f\n", slices[SLICES / 2], slices[SLICES / 10]);
    return 0;
}
