/*
 * list.c: SK_READ_LIST and SK_READ_COUNT as SQL. A list is the union of one or more ARMS, each
 * along one index; all other conditions are tested row by row, and the reader's time limit bounds
 * how many rows that may be. Arms that stand in the list's own order are merged and end with the
 * page; the others (*) are sorted first, so they lead only where they find few. An index holds the
 * times and not the ids: what has one time is sorted by id as it comes.
 *
 *   tags *              saga_tag, by (key, value) of the first
 *   business_key        saga_business_key     (* unless sorted by created)
 *   parent              saga_parent           (* unless sorted by created)
 *   only active         saga_open             (saga_active * unless sorted by created: what is
 *                                             active also fits into the engine's memory)
 *   by created, with
 *     states            saga_open and one arm of saga_state for each ended state; if `completed`
 *                       is among them, after all that follows
 *     one reason        saga_reason           (* with several)
 *     residue           saga_residue
 *     definition        saga_family
 *     namespace         saga_space
 *     ended, updated *  saga_active, saga_ended, saga_updated, if they begin somewhere
 *     else              as with states, which are all then
 *   by ended            saga_active * and saga_ended
 *   by updated          saga_active *, saga_updated, and saga_ended for what was not updated since
 *                       it ended: of those the one time is the other
 */
#include "store/sqlite/parts.h"

#include "base/assert.h"
#include "base/buf.h"

#define STATE_COMPLETED_BIT (1u << 3)
#define STATES_ALL 0x3feu /* 1 to 9 */

enum { PARAMETERS_MAX = 40, ARMS_MAX = 8 };

struct arm {
    const char *index; /* "saga_open"; NULL: by key */
    const char *condition;
    uint32_t states; /* 0 = as the filter says */
    bool is_twin;    /* of what was updated when it ended: `updated` is told as `ended` */
};

struct query {
    struct sk_buf where; /* what all arms share */
    struct sk_buf sql;
    struct {
        bool is_text;
        struct sk_str text;
        int64_t number;
    } parameters[PARAMETERS_MAX];
    int parameters_count;
    int updated_from, updated_to, cursor; /* parameters of these conditions; 0 = none */
    struct arm arms[ARMS_MAX];
    int arms_count;
};

/* ---- conditions ------------------------------------------------------------------------------ */

static void add_text(struct query *query, const char *condition, struct sk_str text)
{
    SK_ASSERT(query->parameters_count < PARAMETERS_MAX);
    int i = query->parameters_count++;
    query->parameters[i].is_text = true;
    query->parameters[i].text = text;
    sk_buf_printf(&query->where, "%s ?%d", condition, i + 1);
}

static void add_number(struct query *query, const char *condition, int64_t number)
{
    SK_ASSERT(query->parameters_count < PARAMETERS_MAX);
    int i = query->parameters_count++;
    query->parameters[i].number = number;
    sk_buf_printf(&query->where, "%s ?%d", condition, i + 1);
}

static int add_bound(struct query *query, const char *condition, int64_t at_ms)
{
    if (at_ms == 0) return 0;
    add_number(query, condition, at_ms);
    return query->parameters_count;
}

static void add_bits(struct sk_buf *sql, const char *condition, uint32_t bits)
{
    bool is_one = (bits & (bits - 1)) == 0;
    sk_buf_append_text(sql, condition);
    sk_buf_append_text(sql, is_one ? " =" : " IN (");
    const char *comma = is_one ? " " : "";
    for (uint32_t bit = 0; bit < 32; bit++) {
        if ((bits >> bit & 1u) == 0) continue;
        sk_buf_printf(sql, "%s%u", comma, bit);
        comma = ", ";
    }
    if (!is_one) sk_buf_append_char(sql, ')');
}

static void add_tags(struct query *query, const struct sk_list_filter *f)
{
    for (uint32_t i = 0; i < f->tags_count; i++) {
        add_text(query,
                 i == 0 ? " AND saga.key IN (SELECT saga FROM saga_tag WHERE key ="
                        : " AND EXISTS (SELECT 1 FROM saga_tag t WHERE t.saga = saga.key AND"
                          " t.key =",
                 f->tags[i].key);
        add_text(query, " AND value =", f->tags[i].value);
        sk_buf_append_char(&query->where, ')');
    }
}

static void add_definition(struct query *query, const struct sk_list_filter *f)
{
    if (f->definition_id.size == 0) return;
    add_text(query,
             " AND family = coalesce((SELECT family FROM definition WHERE id =", f->definition_id);
    sk_buf_append_text(&query->where, " LIMIT 1), -1)");
    if (f->definition_version.size == 0) return;
    add_text(query,
             " AND definition = (SELECT digest FROM definition WHERE id =", f->definition_id);
    add_text(query, " AND version =", f->definition_version);
    sk_buf_append_char(&query->where, ')');
}

static const char *const columns[] = {
    [SK_SORT_CREATED] = "created_at",
    [SK_SORT_UPDATED] = "updated_at",
    [SK_SORT_ENDED] = "ended_at",
};

static void add_cursor(struct query *query, const struct sk_list_filter *f)
{
    if (f->cursor_created_at_ms == 0) return;
    sk_buf_printf(&query->where, " AND (%s, id) %c (", columns[f->sort],
                  f->is_ascending ? '>' : '<');
    add_number(query, "", f->cursor_created_at_ms);
    query->cursor = query->parameters_count;
    add_text(query, ",", f->cursor_id);
    sk_buf_append_char(&query->where, ')');
}

static void add_filter(struct query *query, const struct sk_list_filter *f, bool is_count)
{
    if (f->business_key.size > 0) {
        sk_buf_append_text(&query->where, " AND business_key <> ''");
        add_text(query, " AND business_key =", f->business_key);
    }
    if (f->parent.size > 0) {
        sk_buf_append_text(&query->where, " AND parent <> ''");
        add_text(query, " AND parent =", f->parent);
    }
    if (f->space.size > 0) {
        sk_buf_append_text(&query->where, " AND namespace <> ''");
        add_text(query, " AND namespace =", f->space);
    }
    if (f->reasons != 0) {
        bool has_none = (f->reasons & 1u) != 0; /* then no partial index holds them all */
        if (!has_none) sk_buf_append_text(&query->where, " AND reason <> 0");
        add_bits(&query->where, " AND reason", f->reasons);
    }
    (void)add_bound(query, " AND created_at >=", f->created_from_ms);
    (void)add_bound(query, " AND created_at <", f->created_to_ms);
    query->updated_from = add_bound(query, " AND updated_at >=", f->updated_from_ms);
    query->updated_to = add_bound(query, " AND updated_at <", f->updated_to_ms);
    (void)add_bound(query, " AND ended_at >=", f->ended_from_ms);
    (void)add_bound(query, " AND ended_at <", f->ended_to_ms);
    if (f->sort == SK_SORT_ENDED || f->ended_from_ms != 0 || f->ended_to_ms != 0)
        sk_buf_append_text(&query->where, " AND ended_at <> 0");
    if (f->only_residue) sk_buf_append_text(&query->where, " AND residue = 1");
    if (f->only_closed) sk_buf_append_text(&query->where, " AND active = 0");
    add_definition(query, f);
    add_tags(query, f);
    if (!is_count) add_cursor(query, f);
}

/* ---- arms ------------------------------------------------------------------------------------ */

static void add_arm(struct query *query, const char *index, const char *condition, uint32_t states)
{
    SK_ASSERT(query->arms_count < ARMS_MAX);
    query->arms[query->arms_count++] = (struct arm){ index, condition, states, false };
}

/* What is active, in no order, for the arms that hold what is closed. */
static void add_active(struct query *query, const struct sk_list_filter *f)
{
    if (!f->only_closed) add_arm(query, "saga_active", " AND active = 1", 0);
}

static void add_ended(struct query *query, const struct sk_list_filter *f)
{
    add_active(query, f);
    add_arm(query, "saga_ended", " AND active = 0", 0);
}

static void add_updated(struct query *query, const struct sk_list_filter *f)
{
    add_active(query, f);
    add_arm(query, "saga_updated", " AND active = 0 AND updated_at <> ended_at", 0);
    add_arm(query, "saga_ended", " AND active = 0 AND updated_at = ended_at", 0);
    query->arms[query->arms_count - 1].is_twin = true;
}

static void add_states(struct query *query, const struct sk_list_filter *f)
{
    uint32_t states = f->states == 0 ? STATES_ALL : f->states;
    if (!f->only_closed) add_arm(query, "saga_open", " AND active = 1", f->states);
    for (uint32_t state = 0; state < 32; state++) {
        uint32_t bit = UINT32_C(1) << state;
        if ((states & SK_STATES_ENDED & bit) != 0)
            add_arm(query, "saga_state", " AND active = 0", bit);
    }
}

static void choose_by_created(struct query *query, const struct sk_list_filter *f)
{
    bool has_states = f->states != 0 && (f->states & STATES_ALL) != STATES_ALL;
    if (has_states && (f->states & STATE_COMPLETED_BIT) == 0) {
        add_states(query, f);
    } else if (f->reasons != 0 && (f->reasons & 1u) == 0) {
        add_arm(query, "saga_reason", "", 0);
    } else if (f->only_residue) {
        add_arm(query, "saga_residue", "", 0);
    } else if (f->definition_id.size > 0) {
        add_arm(query, "saga_family", "", 0);
    } else if (f->space.size > 0) {
        add_arm(query, "saga_space", "", 0);
    } else if (f->ended_from_ms != 0) {
        add_ended(query, f);
    } else if (f->updated_from_ms != 0) {
        add_updated(query, f);
    } else {
        add_states(query, f);
    }
}

static void choose_arms(struct query *query, const struct sk_list_filter *f)
{
    bool is_active = f->states != 0 && (f->states & SK_STATES_ENDED) == 0;
    bool is_in_order = f->sort == SK_SORT_CREATED && !f->only_locks;
    if (f->tags_count > 0) {
        add_arm(query, NULL, "", 0);
    } else if (f->business_key.size > 0) {
        add_arm(query, "saga_business_key", "", 0);
    } else if (f->parent.size > 0) {
        add_arm(query, "saga_parent", "", 0);
    } else if (is_active) {
        add_arm(query, is_in_order ? "saga_open" : "saga_active", " AND active = 1", 0);
    } else if (f->sort == SK_SORT_CREATED) {
        choose_by_created(query, f);
    } else if (f->sort == SK_SORT_UPDATED) {
        add_updated(query, f);
    } else {
        add_ended(query, f);
    }
}

/* Conditions on `updated_at` again, on the column that is indexed. */
static void put_twin(struct query *query, const struct sk_list_filter *f)
{
    if (query->updated_from != 0)
        sk_buf_printf(&query->sql, " AND ended_at >= ?%d", query->updated_from);
    if (query->updated_to != 0)
        sk_buf_printf(&query->sql, " AND ended_at < ?%d", query->updated_to);
    if (query->cursor != 0 && f->sort == SK_SORT_UPDATED)
        sk_buf_printf(&query->sql, " AND ended_at %s ?%d",
                      f->is_ascending ? ">=" : "<=", query->cursor);
}

/* `what` NULL: the head. */
static void put_arm(struct query *query, const struct arm *arm, const struct sk_list_filter *f,
                    const char *what)
{
    uint32_t states = f->states;
    if (what == NULL)
        what = arm->is_twin ? SK_SQLITE_HEAD_COLUMNS_TOLD("ended_at AS updated_at")
                            : SK_SQLITE_HEAD_COLUMNS;
    sk_buf_printf(&query->sql, "SELECT %s FROM saga", what);
    if (arm->index == NULL) {
        sk_buf_append_text(&query->sql, " NOT INDEXED");
    } else {
        sk_buf_printf(&query->sql, " INDEXED BY %s", arm->index);
    }
    sk_buf_append_text(&query->sql, f->only_locks ? " WHERE is_lock = 1" : " WHERE is_lock = 0");
    sk_buf_append_text(&query->sql, arm->condition);
    if (arm->states != 0) states = arm->states;
    if (states != 0) add_bits(&query->sql, " AND state", states);
    if (arm->is_twin) put_twin(query, f);
    sk_buf_append_str(&query->sql, sk_buf_view(&query->where));
}

static void put_arms(struct query *query, const struct sk_list_filter *f, const char *what)
{
    for (int i = 0; i < query->arms_count; i++) {
        if (i > 0) sk_buf_append_text(&query->sql, " UNION ALL ");
        put_arm(query, &query->arms[i], f, what);
    }
}

/* ---- the statement --------------------------------------------------------------------------- */

static void put_list(struct query *query, const struct sk_read *read)
{
    const struct sk_list_filter *f = &read->filter;
    const char *direction = f->is_ascending ? "" : " DESC";
    put_arms(query, f, NULL);
    sk_buf_printf(&query->sql, " ORDER BY %s%s, id%s LIMIT %llu OFFSET %u", columns[f->sort],
                  direction, direction, (unsigned long long)sk_read_limit(read) + 1, f->offset);
}

static void put_count(struct query *query, const struct sk_read *read)
{
    sk_buf_append_text(&query->sql, "SELECT sum(n) FROM (");
    put_arms(query, &read->filter, "count(*) AS n");
    sk_buf_append_char(&query->sql, ')');
}

static void bind_parameters(const struct query *query, struct sk_sqlite_call *call)
{
    for (int i = 0; i < query->parameters_count; i++) {
        if (query->parameters[i].is_text) {
            sk_sqlite_bind_text(call, i + 1, query->parameters[i].text);
        } else {
            sk_sqlite_bind_int(call, i + 1, query->parameters[i].number);
        }
    }
}

int sk_sqlite_list_prepare(sqlite3 *db, const struct sk_read *read, sqlite3_stmt **out_statement)
{
    SK_ASSERT(read->filter.tags_count <= SK_LIST_TAGS_MAX);
    bool is_count = read->kind == SK_READ_COUNT;
    struct query query = { .parameters_count = 0 };
    sk_buf_init(&query.where, 0);
    sk_buf_init(&query.sql, 0);
    add_filter(&query, &read->filter, is_count);
    choose_arms(&query, &read->filter);
    if (is_count) {
        put_count(&query, read);
    } else {
        put_list(&query, read);
    }
    int code = SQLITE_NOMEM;
    if (!query.sql.failed && !query.where.failed)
        code = sqlite3_prepare_v2(db, sk_buf_text(&query.sql), -1, out_statement, NULL);
    struct sk_sqlite_call call = { .statement = *out_statement, .code = code };
    if (code == SQLITE_OK) bind_parameters(&query, &call);
    sk_buf_release(&query.where);
    sk_buf_release(&query.sql);
    return call.code;
}
