/* The few declarations of Cryptoki this module needs, with the standard's names and layouts for
 * a Unix system with natural alignment. */
#ifndef HOSTILE_CRYPTOKI_H
#define HOSTILE_CRYPTOKI_H

#include <stddef.h>

typedef unsigned char CK_BYTE;
typedef unsigned char CK_BBOOL;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;
typedef CK_ULONG CK_FLAGS;
typedef CK_ULONG CK_SLOT_ID;
typedef CK_ULONG CK_SESSION_HANDLE;

enum {
    CKR_OK = 0x0,
    CKR_SLOT_ID_INVALID = 0x3,
    CKR_GENERAL_ERROR = 0x5,
    CKR_ARGUMENTS_BAD = 0x7,
    CKR_CANT_LOCK = 0xa,
    CKR_DEVICE_ERROR = 0x30,
    CKR_FUNCTION_NOT_SUPPORTED = 0x54,
    CKR_SESSION_HANDLE_INVALID = 0xb3,
    CKR_SESSION_PARALLEL_NOT_SUPPORTED = 0xb4,
    CKR_BUFFER_TOO_SMALL = 0x150,
    CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
    CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
};

enum {
    CKF_TOKEN_PRESENT = 0x1,
    CKF_SERIAL_SESSION = 0x4,
    CKF_RNG = 0x1,
    CKF_TOKEN_INITIALIZED = 0x400,
};

typedef struct {
    CK_BYTE major, minor;
} CK_VERSION;

typedef struct {
    CK_VERSION cryptokiVersion;
    CK_BYTE manufacturerID[32];
    CK_FLAGS flags;
    CK_BYTE libraryDescription[32];
    CK_VERSION libraryVersion;
} CK_INFO;

typedef struct {
    CK_BYTE slotDescription[64];
    CK_BYTE manufacturerID[32];
    CK_FLAGS flags;
    CK_VERSION hardwareVersion, firmwareVersion;
} CK_SLOT_INFO;

typedef struct {
    CK_BYTE label[32];
    CK_BYTE manufacturerID[32];
    CK_BYTE model[16];
    CK_BYTE serialNumber[16];
    CK_FLAGS flags;
    CK_ULONG ulMaxSessionCount, ulSessionCount, ulMaxRwSessionCount, ulRwSessionCount;
    CK_ULONG ulMaxPinLen, ulMinPinLen;
    CK_ULONG ulTotalPublicMemory, ulFreePublicMemory;
    CK_ULONG ulTotalPrivateMemory, ulFreePrivateMemory;
    CK_VERSION hardwareVersion, firmwareVersion;
    CK_BYTE utcTime[16];
} CK_TOKEN_INFO;

typedef struct {
    CK_SLOT_ID slotID;
    CK_ULONG state;
    CK_FLAGS flags;
    CK_ULONG ulDeviceError;
} CK_SESSION_INFO;

typedef struct {
    const char *pInterfaceName;
    void *pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

/* Whether `function` is asked to misbehave. If so and the behaviour returns, 1 if `*rv` is to be
 * returned at once, 0 if the function is to go on. `buffer` is the memory the behaviour may work
 * on, or NULL. */
int misbehave(const char *function, void *buffer, size_t length, CK_RV *rv);

/* Whether `function` is asked for `behaviour`, which it implements itself. */
int is_asked(const char *function, const char *behaviour);

/* Behaviours of a file of their own: see `traps.c`. */
struct place;
int race(struct place *at);
int fork_first(struct place *at);
int vfork_first(struct place *at);
int handle_traps(struct place *at);
int block_traps(struct place *at);

#endif
