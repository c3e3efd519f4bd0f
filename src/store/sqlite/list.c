/*
 * list.c: SK_READ_LIST as SQL. The filter decides which index leads; the rest is tested row by row,
 * and the reader's time limit bounds how many rows that may be.
 *
 *   tag           saga_tag, by (key, value), then sorted
 *   business_key  saga_business_key
 *   parent        saga_parent
 *   only active   saga_active, then sorted: what is active also fits into the engine's memory
 *   only failed   saga_failed
 *   residue       saga_residue
 *   else          saga_created
 */
#include "store/sqlite/parts.h"

#include "base/assert.h"
#include "base/buf.h"

#define STATE_FAILED_BIT (1u << 6)

enum { PARAMETERS_MAX = 16 };

struct query {
    struct sk_buf sql;
    struct {
        bool is_text;
        struct sk_str text;
        int64_t number;
    } parameters[PARAMETERS_MAX];
    int parameters_count;
};

static void add_text(struct query *query, const char *condition, struct sk_str text)
{
    SK_ASSERT(query->parameters_count < PARAMETERS_MAX);
    int i = query->parameters_count++;
    query->parameters[i].is_text = true;
    query->parameters[i].text = text;
    sk_buf_printf(&query->sql, "%s ?%d", condition, i + 1);
}

static void add_number(struct query *query, const char *condition, int64_t number)
{
    SK_ASSERT(query->parameters_count < PARAMETERS_MAX);
    int i = query->parameters_count++;
    query->parameters[i].number = number;
    sk_buf_printf(&query->sql, "%s ?%d", condition, i + 1);
}

static const char *leading_index(const struct sk_list_filter *filter)
{
    if (filter->tag_key.size > 0) return " NOT INDEXED"; /* by the rows of the tag */
    if (filter->business_key.size > 0) return " INDEXED BY saga_business_key";
    if (filter->parent.size > 0) return " INDEXED BY saga_parent";
    if (filter->states == STATE_FAILED_BIT) return " INDEXED BY saga_failed";
    if (filter->states != 0 && (filter->states & SK_STATES_ENDED) == 0)
        return " INDEXED BY saga_active";
    return filter->only_residue ? " INDEXED BY saga_residue" : " INDEXED BY saga_created";
}

static void add_states(struct query *query, uint32_t states)
{
    if (states == 0) return;
    if ((states & SK_STATES_ENDED) == 0) /* said so that the planner may use saga_active */
        sk_buf_append_text(&query->sql, " AND active = 1");
    if (states == STATE_FAILED_BIT) {
        sk_buf_append_text(&query->sql, " AND state = 6");
        return;
    }
    sk_buf_append_text(&query->sql, " AND state IN (");
    const char *comma = "";
    for (uint32_t state = 0; state < 32; state++) {
        if ((states >> state & 1u) == 0) continue;
        sk_buf_printf(&query->sql, "%s%u", comma, state);
        comma = ", ";
    }
    sk_buf_append_char(&query->sql, ')');
}

static void add_filter(struct query *query, const struct sk_list_filter *f)
{
    if (f->business_key.size > 0) {
        sk_buf_append_text(&query->sql, " AND business_key <> ''");
        add_text(query, " AND business_key =", f->business_key);
    }
    if (f->parent.size > 0) {
        sk_buf_append_text(&query->sql, " AND parent <> ''");
        add_text(query, " AND parent =", f->parent);
    }
    if (f->space.size > 0) add_text(query, " AND namespace =", f->space);
    if (f->created_from_ms != 0) add_number(query, " AND created_at >=", f->created_from_ms);
    if (f->created_to_ms != 0) add_number(query, " AND created_at <", f->created_to_ms);
    if (f->only_residue) sk_buf_append_text(&query->sql, " AND residue = 1");
    if (f->definition_id.size > 0) {
        add_text(query,
                 " AND definition IN (SELECT digest FROM definition WHERE id =", f->definition_id);
        sk_buf_append_char(&query->sql, ')');
    }
    if (f->tag_key.size > 0) {
        add_text(query, " AND saga.key IN (SELECT saga FROM saga_tag WHERE key =", f->tag_key);
        add_text(query, " AND value =", f->tag_value);
        sk_buf_append_char(&query->sql, ')');
    }
    if (f->cursor_created_at_ms != 0) {
        add_number(query, " AND (created_at, id) < (", f->cursor_created_at_ms);
        add_text(query, ",", f->cursor_id);
        sk_buf_append_char(&query->sql, ')');
    }
}

static void bind_parameters(const struct query *query, sqlite3_stmt *statement)
{
    for (int i = 0; i < query->parameters_count; i++) {
        if (query->parameters[i].is_text) {
            sk_sqlite_bind_text(statement, i + 1, query->parameters[i].text);
        } else {
            sqlite3_bind_int64(statement, i + 1, query->parameters[i].number);
        }
    }
}

int sk_sqlite_list_prepare(sqlite3 *db, const struct sk_read *read, sqlite3_stmt **out_statement)
{
    struct query query = { .parameters_count = 0 };
    sk_buf_init(&query.sql, 0);
    sk_buf_printf(&query.sql, "SELECT " SK_SQLITE_HEAD_COLUMNS " FROM saga%s WHERE is_lock = 0",
                  leading_index(&read->filter));
    add_states(&query, read->filter.states);
    add_filter(&query, &read->filter);
    sk_buf_printf(&query.sql, " ORDER BY created_at DESC, id DESC LIMIT %llu",
                  (unsigned long long)sk_read_limit(read) + 1);
    int code = SQLITE_NOMEM;
    if (!query.sql.failed)
        code = sqlite3_prepare_v2(db, sk_buf_text(&query.sql), -1, out_statement, NULL);
    if (code == SQLITE_OK) bind_parameters(&query, *out_statement);
    sk_buf_release(&query.sql);
    return code;
}
