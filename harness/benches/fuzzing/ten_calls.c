/* Ten cheap calls in a loop, as an application would make them: what fuzzing the same calls is measured by. It has
 * nothing of p11assay's.
 *
 *   cc -O2 -shared -fPIC -o ten_calls.so harness/benches/fuzzing/ten_calls.c
 */
typedef unsigned char byte;
typedef unsigned long ulong;
typedef struct { ulong type; void *parameter; ulong length; } mechanism;

/* The functions of CK_FUNCTION_LIST in their order, two bytes of version before them. */
enum { OPEN_SESSION = 12, CLOSE_SESSION, GET_SESSION_INFO = 15, FIND_OBJECTS_INIT = 26, FIND_OBJECTS,
       FIND_OBJECTS_FINAL, DIGEST_INIT = 37, DIGEST = 38, GENERATE_RANDOM = 64 };
struct list { byte version[2]; ulong (*f[68])(); };

/* Makes the ten calls so many times; gives the sum of what they returned. */
ulong ten_calls(struct list *p11, ulong slot, ulong times, ulong size, ulong room, ulong most, ulong random) {
    mechanism sha256 = { 0x250, 0, 0 };
    byte data[256], digest[256];
    ulong state[4], objects[256], rv = 0;
    for (ulong i = 0; i < sizeof data; i++) data[i] = 0x61;
    for (ulong i = 0; i < times; i++) {
        ulong session, length = room, found;
        rv += p11->f[OPEN_SESSION](slot, 6UL, (void *)0, (void *)0, &session);
        rv += p11->f[GET_SESSION_INFO](session, state);
        rv += p11->f[DIGEST_INIT](session, &sha256);
        rv += p11->f[DIGEST](session, data, size, digest, &length);
        rv += p11->f[FIND_OBJECTS_INIT](session, (void *)0, 0UL);
        rv += p11->f[FIND_OBJECTS](session, objects, most, &found);
        rv += p11->f[FIND_OBJECTS_FINAL](session);
        rv += p11->f[GENERATE_RANDOM](session, data, random);
        rv += p11->f[GET_SESSION_INFO](session, state);
        rv += p11->f[CLOSE_SESSION](session);
    }
    return rv;
}
