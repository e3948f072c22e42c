/* The hostile module's functions: one slot, one token, sessions and random bytes, so that a
 * harness gets far enough to be misbehaved at. Everything else is not supported. Each function
 * first asks whether it is to misbehave. */
#define _GNU_SOURCE
#include "cryptoki.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT 1
#define SESSIONS 16

static int initialized;
static unsigned char sessions[SESSIONS];

/* Returns from the calling function if misbehaving says so. */
#define ENTER(function, buffer, length)                      \
    do {                                                     \
        CK_RV asked = CKR_OK;                                \
        if (misbehave(function, buffer, length, &asked))     \
            return asked;                                    \
    } while (0)

#define NEEDS_INITIALIZED                        \
    do {                                         \
        if (!initialized)                        \
            return CKR_CRYPTOKI_NOT_INITIALIZED; \
    } while (0)

static void text(CK_BYTE *field, size_t length, const char *value)
{
    memset(field, ' ', length);
    memcpy(field, value, strlen(value));
}

static int is_session(CK_SESSION_HANDLE session)
{
    return session >= 1 && session <= SESSIONS && sessions[session - 1];
}

CK_RV C_Initialize(void *arguments)
{
    (void)arguments;
    ENTER("C_Initialize", NULL, 0);
    if (initialized && is_asked("C_Initialize", "lose-itself")) {
        initialized = 0;
        return CKR_CANT_LOCK;
    }
    if (initialized)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    initialized = 1;
    return CKR_OK;
}

CK_RV C_Finalize(void *reserved)
{
    ENTER("C_Finalize", NULL, 0);
    NEEDS_INITIALIZED;
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    initialized = 0;
    memset(sessions, 0, sizeof sessions);
    return CKR_OK;
}

CK_RV C_GetInfo(CK_INFO *info)
{
    ENTER("C_GetInfo", info, sizeof *info);
    NEEDS_INITIALIZED;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    memset(info, 0, sizeof *info);
    info->cryptokiVersion = (CK_VERSION){WITH_INTERFACES ? 3 : 2, WITH_INTERFACES ? 0 : 40};
    text(info->manufacturerID, sizeof info->manufacturerID, "hostile");
    text(info->libraryDescription, sizeof info->libraryDescription, "misbehaves on demand");
    info->libraryVersion = (CK_VERSION){1, 0};
    return CKR_OK;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    (void)present;
    ENTER("C_GetSlotList", list, list && count ? *count * sizeof *list : 0);
    NEEDS_INITIALIZED;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    if (list && *count < 1) {
        *count = 1;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (list)
        list[0] = SLOT;
    *count = 1;
    return CKR_OK;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    ENTER("C_GetSlotInfo", info, sizeof *info);
    NEEDS_INITIALIZED;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    memset(info, 0, sizeof *info);
    text(info->slotDescription, sizeof info->slotDescription, "hostile slot");
    text(info->manufacturerID, sizeof info->manufacturerID, "hostile");
    info->flags = CKF_TOKEN_PRESENT;
    return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    ENTER("C_GetTokenInfo", info, sizeof *info);
    NEEDS_INITIALIZED;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    memset(info, 0, sizeof *info);
    text(info->label, sizeof info->label, "hostile token");
    text(info->manufacturerID, sizeof info->manufacturerID, "hostile");
    text(info->model, sizeof info->model, "hostile");
    text(info->serialNumber, sizeof info->serialNumber, "0001");
    text(info->utcTime, sizeof info->utcTime, "");
    info->flags = CKF_RNG | CKF_TOKEN_INITIALIZED;
    info->ulMaxSessionCount = SESSIONS;
    info->ulMaxRwSessionCount = SESSIONS;
    info->ulMaxPinLen = 32;
    info->ulMinPinLen = 4;
    return CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_ULONG *list, CK_ULONG *count)
{
    ENTER("C_GetMechanismList", list, list && count ? *count * sizeof *list : 0);
    NEEDS_INITIALIZED;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!count)
        return CKR_ARGUMENTS_BAD;
    *count = 0;
    return CKR_OK;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, void *notify,
                    CK_SESSION_HANDLE *session)
{
    CK_ULONG index;
    (void)application;
    (void)notify;
    ENTER("C_OpenSession", session, sizeof *session);
    NEEDS_INITIALIZED;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!session)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    for (index = 0; index < SESSIONS && sessions[index]; index++)
        ;
    if (index == SESSIONS)
        return CKR_GENERAL_ERROR;
    sessions[index] = 1;
    *session = index + 1;
    return CKR_OK;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    ENTER("C_CloseSession", NULL, 0);
    NEEDS_INITIALIZED;
    if (!is_session(session))
        return CKR_SESSION_HANDLE_INVALID;
    sessions[session - 1] = 0;
    return CKR_OK;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    ENTER("C_CloseAllSessions", NULL, 0);
    NEEDS_INITIALIZED;
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    memset(sessions, 0, sizeof sessions);
    return CKR_OK;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    ENTER("C_GetSessionInfo", info, sizeof *info);
    NEEDS_INITIALIZED;
    if (!is_session(session))
        return CKR_SESSION_HANDLE_INVALID;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    *info = (CK_SESSION_INFO){SLOT, 0, CKF_SERIAL_SESSION, 0};
    return CKR_OK;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length)
{
    static CK_ULONG state = 1;
    CK_ULONG index;
    ENTER("C_GenerateRandom", data, length);
    NEEDS_INITIALIZED;
    if (!is_session(session))
        return CKR_SESSION_HANDLE_INVALID;
    if (!data)
        return CKR_ARGUMENTS_BAD;
    for (index = 0; index < length; index++) {
        state = state * 6364136223846793005UL + 1442695040888963407UL;
        data[index] = (CK_BYTE)(state >> 56);
    }
    return CKR_OK;
}

/* Functions that are not supported still misbehave if asked to. */
#define UNSUPPORTED(function)              \
    CK_RV function(void)                   \
    {                                      \
        ENTER(#function, NULL, 0);         \
        return CKR_FUNCTION_NOT_SUPPORTED; \
    }

/* clang-format off */
UNSUPPORTED(C_GetMechanismInfo) UNSUPPORTED(C_InitToken) UNSUPPORTED(C_InitPIN)
UNSUPPORTED(C_SetPIN) UNSUPPORTED(C_GetOperationState) UNSUPPORTED(C_SetOperationState)
UNSUPPORTED(C_Login) UNSUPPORTED(C_Logout) UNSUPPORTED(C_CreateObject) UNSUPPORTED(C_CopyObject)
UNSUPPORTED(C_DestroyObject) UNSUPPORTED(C_GetObjectSize) UNSUPPORTED(C_GetAttributeValue)
UNSUPPORTED(C_SetAttributeValue) UNSUPPORTED(C_FindObjectsInit) UNSUPPORTED(C_FindObjects)
UNSUPPORTED(C_FindObjectsFinal) UNSUPPORTED(C_EncryptInit) UNSUPPORTED(C_Encrypt)
UNSUPPORTED(C_EncryptUpdate) UNSUPPORTED(C_EncryptFinal) UNSUPPORTED(C_DecryptInit)
UNSUPPORTED(C_Decrypt) UNSUPPORTED(C_DecryptUpdate) UNSUPPORTED(C_DecryptFinal)
UNSUPPORTED(C_DigestInit) UNSUPPORTED(C_Digest) UNSUPPORTED(C_DigestUpdate)
UNSUPPORTED(C_DigestKey) UNSUPPORTED(C_DigestFinal) UNSUPPORTED(C_SignInit) UNSUPPORTED(C_Sign)
UNSUPPORTED(C_SignUpdate) UNSUPPORTED(C_SignFinal) UNSUPPORTED(C_SignRecoverInit)
UNSUPPORTED(C_SignRecover) UNSUPPORTED(C_VerifyInit) UNSUPPORTED(C_Verify)
UNSUPPORTED(C_VerifyUpdate) UNSUPPORTED(C_VerifyFinal) UNSUPPORTED(C_VerifyRecoverInit)
UNSUPPORTED(C_VerifyRecover) UNSUPPORTED(C_DigestEncryptUpdate)
UNSUPPORTED(C_DecryptDigestUpdate) UNSUPPORTED(C_SignEncryptUpdate)
UNSUPPORTED(C_DecryptVerifyUpdate) UNSUPPORTED(C_GenerateKey) UNSUPPORTED(C_GenerateKeyPair)
UNSUPPORTED(C_WrapKey) UNSUPPORTED(C_UnwrapKey) UNSUPPORTED(C_DeriveKey)
UNSUPPORTED(C_SeedRandom) UNSUPPORTED(C_GetFunctionStatus) UNSUPPORTED(C_CancelFunction)
UNSUPPORTED(C_WaitForSlotEvent) UNSUPPORTED(C_LoginUser) UNSUPPORTED(C_SessionCancel)
UNSUPPORTED(C_MessageEncryptInit) UNSUPPORTED(C_EncryptMessage)
UNSUPPORTED(C_EncryptMessageBegin) UNSUPPORTED(C_EncryptMessageNext)
UNSUPPORTED(C_MessageEncryptFinal) UNSUPPORTED(C_MessageDecryptInit)
UNSUPPORTED(C_DecryptMessage) UNSUPPORTED(C_DecryptMessageBegin)
UNSUPPORTED(C_DecryptMessageNext) UNSUPPORTED(C_MessageDecryptFinal)
UNSUPPORTED(C_MessageSignInit) UNSUPPORTED(C_SignMessage) UNSUPPORTED(C_SignMessageBegin)
UNSUPPORTED(C_SignMessageNext) UNSUPPORTED(C_MessageSignFinal) UNSUPPORTED(C_MessageVerifyInit)
UNSUPPORTED(C_VerifyMessage) UNSUPPORTED(C_VerifyMessageBegin) UNSUPPORTED(C_VerifyMessageNext)
UNSUPPORTED(C_MessageVerifyFinal)
/* clang-format on */

typedef void (*FUNCTION)(void);

/* A function list: the version, padded to a pointer, and the functions in the standard's order. */
struct table {
    CK_VERSION version;
    FUNCTION functions[92];
};

#define FUNCTIONS_2_40 68

CK_RV C_GetFunctionList(struct table **list);
CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
CK_RV C_GetInterface(const char *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags);

#define F(function) (FUNCTION) function

/* clang-format off */
static const FUNCTION functions[] = {
    F(C_Initialize), F(C_Finalize), F(C_GetInfo), F(C_GetFunctionList), F(C_GetSlotList),
    F(C_GetSlotInfo), F(C_GetTokenInfo), F(C_GetMechanismList), F(C_GetMechanismInfo),
    F(C_InitToken), F(C_InitPIN), F(C_SetPIN), F(C_OpenSession), F(C_CloseSession),
    F(C_CloseAllSessions), F(C_GetSessionInfo), F(C_GetOperationState), F(C_SetOperationState),
    F(C_Login), F(C_Logout), F(C_CreateObject), F(C_CopyObject), F(C_DestroyObject),
    F(C_GetObjectSize), F(C_GetAttributeValue), F(C_SetAttributeValue), F(C_FindObjectsInit),
    F(C_FindObjects), F(C_FindObjectsFinal), F(C_EncryptInit), F(C_Encrypt), F(C_EncryptUpdate),
    F(C_EncryptFinal), F(C_DecryptInit), F(C_Decrypt), F(C_DecryptUpdate), F(C_DecryptFinal),
    F(C_DigestInit), F(C_Digest), F(C_DigestUpdate), F(C_DigestKey), F(C_DigestFinal),
    F(C_SignInit), F(C_Sign), F(C_SignUpdate), F(C_SignFinal), F(C_SignRecoverInit),
    F(C_SignRecover), F(C_VerifyInit), F(C_Verify), F(C_VerifyUpdate), F(C_VerifyFinal),
    F(C_VerifyRecoverInit), F(C_VerifyRecover), F(C_DigestEncryptUpdate),
    F(C_DecryptDigestUpdate), F(C_SignEncryptUpdate), F(C_DecryptVerifyUpdate), F(C_GenerateKey),
    F(C_GenerateKeyPair), F(C_WrapKey), F(C_UnwrapKey), F(C_DeriveKey), F(C_SeedRandom),
    F(C_GenerateRandom), F(C_GetFunctionStatus), F(C_CancelFunction), F(C_WaitForSlotEvent),
#if WITH_INTERFACES
    F(C_GetInterfaceList), F(C_GetInterface), F(C_LoginUser), F(C_SessionCancel),
    F(C_MessageEncryptInit), F(C_EncryptMessage), F(C_EncryptMessageBegin),
    F(C_EncryptMessageNext), F(C_MessageEncryptFinal), F(C_MessageDecryptInit),
    F(C_DecryptMessage), F(C_DecryptMessageBegin), F(C_DecryptMessageNext),
    F(C_MessageDecryptFinal), F(C_MessageSignInit), F(C_SignMessage), F(C_SignMessageBegin),
    F(C_SignMessageNext), F(C_MessageSignFinal), F(C_MessageVerifyInit), F(C_VerifyMessage),
    F(C_VerifyMessageBegin), F(C_VerifyMessageNext), F(C_MessageVerifyFinal),
#endif
};
/* clang-format on */

static struct table table;

/* A table that says 2.40 but ends, at an inaccessible page, after this many functions. */
#define SHORT_TABLE 20

static struct table *short_table(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = offsetof(struct table, functions) + SHORT_TABLE * sizeof(FUNCTION);
    unsigned char *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + page, page, PROT_NONE);
    return memcpy(pages + page - length, &table, length);
}

CK_RV C_GetFunctionList(struct table **list)
{
    ENTER("C_GetFunctionList", list, sizeof *list);
    if (!list)
        return CKR_ARGUMENTS_BAD;
    table.version = (CK_VERSION){2, 40};
    memcpy(table.functions, functions, sizeof functions);
    *list = &table;
    if (is_asked("C_GetFunctionList", "null-list"))
        *list = NULL;
    if (is_asked("C_GetFunctionList", "short-table"))
        *list = short_table();
    if (is_asked("C_GetFunctionList", "null-entries")) {
        table.functions[2] = NULL;
        table.functions[FUNCTIONS_2_40 - 1] = NULL;
    }
    return CKR_OK;
}

#if WITH_INTERFACES

static struct table table_3_0;
static CK_INTERFACE interfaces[2] = {
    {"PKCS 11", &table_3_0, 0},
    {"PKCS 11", &table, 0},
};

static void fill_interfaces(void)
{
    struct table *list;
    C_GetFunctionList(&list);
    table_3_0.version = (CK_VERSION){3, 0};
    memcpy(table_3_0.functions, functions, sizeof functions);
}

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count)
{
    CK_ULONG room = count ? *count : 0;
    ENTER("C_GetInterfaceList", list, list ? room * sizeof *list : 0);
    if (!count)
        return CKR_ARGUMENTS_BAD;
    fill_interfaces();
    *count = 2;
    if (list && room < 2)
        return CKR_BUFFER_TOO_SMALL;
    if (list)
        memcpy(list, interfaces, sizeof interfaces);
    return CKR_OK;
}

CK_RV C_GetInterface(const char *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags)
{
    int index;
    ENTER("C_GetInterface", interface, sizeof *interface);
    if (!interface || flags)
        return CKR_ARGUMENTS_BAD;
    fill_interfaces();
    for (index = 0; index < 2; index++) {
        const struct table *of = interfaces[index].pFunctionList;
        if (name && strcmp(name, interfaces[index].pInterfaceName) != 0)
            continue;
        if (version && memcmp(version, &of->version, sizeof *version) != 0)
            continue;
        *interface = &interfaces[index];
        return CKR_OK;
    }
    return CKR_ARGUMENTS_BAD;
}

#endif

__attribute__((constructor)) static void constructor(void)
{
    CK_RV rv;
    misbehave("constructor", NULL, 0, &rv);
}

__attribute__((destructor)) static void destructor(void)
{
    CK_RV rv;
    misbehave("destructor", NULL, 0, &rv);
}
