/*
 * schemas.h: what replies look like, as tables, for the OpenAPI document. shapes.c writes them; a
 * test checks that what it writes has every member named here and no other.
 *
 * A type is written as
 *     text time digest bool int count number any object    a scalar, or free JSON
 *     @saga-state                                          one of an enumeration (sk_schema_enums)
 *     Saga                                                 another row
 *     …[]   a list        …{}   an object of such values   …?   or null (last)
 *     list:Event                                           {items: [Event], next}: a page
 *
 * A member whose name ends in '?' may be missing; all others are always there.
 */
#ifndef SK_API_SCHEMAS_H
#define SK_API_SCHEMAS_H

#include "base/str.h"

struct sk_member {
    const char *name; /* NULL ends the table */
    const char *type;
    const char *help;
};

struct sk_schema {
    const char *name;
    const char *help;
    const struct sk_member *members;
};
/* Each ends with a row without a name; so does the list of them. */
extern const struct sk_schema sk_saga_schemas[], sk_task_schemas[], sk_server_schemas[],
    sk_rte_schemas[];
extern const struct sk_schema *const sk_schema_tables[];

struct sk_schema_enum {
    const char *name;                   /* without '@' */
    const char *(*value)(size_t index); /* NULL after the last; "" = left out */
};
extern const struct sk_schema_enum sk_schema_enums[];
extern const size_t sk_schema_enums_count;

#endif
