/*
 * status.c: names, texts and classes of the statuses, all from the one list in <skald/status.h>.
 */
#include <skald/status.h>

enum skald_class skald_status_class(enum skald_status status)
{
    switch (status) {
#define X(name, code, class_, text) \
    case name: return SKALD_CLASS_##class_;
        SKALD_STATUS_MAP(X)
#undef X
    }
    return SKALD_CLASS_FATAL; /* a number from a newer library: the safe reading */
}

const char *skald_status_name(enum skald_status status)
{
    switch (status) {
#define X(name, code, class_, text) \
    case name: return #name;
        SKALD_STATUS_MAP(X)
#undef X
    }
    return "SKALD_E_UNKNOWN";
}

const char *skald_status_text(enum skald_status status)
{
    switch (status) {
#define X(name, code, class_, text) \
    case name: return text;
        SKALD_STATUS_MAP(X)
#undef X
    }
    return "a status this version does not know";
}
