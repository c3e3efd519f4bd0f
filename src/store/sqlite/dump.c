/*
 * dump.c: every row of a file as a line of JSON, for people and programs that look for something;
 * see tools.h. Columns stand as they are stored (bytes in hex, instants in milliseconds); only
 * spans are told as the events they hold.
 */
#include "store/sqlite/tools.h"

#include "base/json.h"
#include "core/event.h"
#include "core/plan.h"
#include "store/sqlite/parts.h"

/* In this order; `event` is the table `span`. */
static const char *const tables[] = {
    "meta",      "shard",   "definition", "latest",      "saga",   "saga_tag", "span",
    "start_key", "message", "consumed",   "dead_letter", "cursor", "tally",    "record",
};

struct dump {
    sqlite3 *db;
    sk_sqlite_line *line;
    void *context;
    struct sk_buf buf;
    struct sk_buf hex;
};

static struct sk_json_writer begin_line(struct dump *dump, const char *table)
{
    sk_buf_clear(&dump->buf);
    struct sk_json_writer w = sk_json_writer_of(&dump->buf);
    sk_json_begin_object(&w);
    sk_json_key(&w, "table");
    sk_json_put_text(&w, table);
    return w;
}

static int end_line(struct dump *dump, struct sk_json_writer *w)
{
    sk_json_end_object(w);
    if (dump->buf.failed || dump->hex.failed) return SQLITE_NOMEM;
    dump->line(dump->context, sk_buf_view(&dump->buf));
    return SQLITE_OK;
}

static void put_hex(struct dump *dump, struct sk_json_writer *w, struct sk_str bytes)
{
    static const char digits[] = "0123456789abcdef";
    sk_buf_clear(&dump->hex);
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        sk_buf_append_char(&dump->hex, digits[byte >> 4]);
        sk_buf_append_char(&dump->hex, digits[byte & 15]);
    }
    sk_json_put_str(w, sk_buf_view(&dump->hex));
}

/* ---- any table ------------------------------------------------------------------------------- */

static void put_column(struct dump *dump, struct sk_json_writer *w, sqlite3_stmt *s, int column)
{
    const char *name = sqlite3_column_name(s, column);
    int type = sqlite3_column_type(s, column);
    const void *data =
        type == SQLITE_BLOB || type == SQLITE_TEXT ? sqlite3_column_blob(s, column) : NULL;
    struct sk_str bytes = { data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(s, column) };
    bool is_source = strcmp(name, "source") == 0; /* of a definition: JSON */
    sk_json_key(w, name);
    if (type == SQLITE_INTEGER) {
        sk_json_put_i64(w, sqlite3_column_int64(s, column));
    } else if (type == SQLITE_TEXT || is_source) {
        sk_json_put_str(w, bytes);
    } else if (type == SQLITE_BLOB) {
        put_hex(dump, w, bytes);
    } else {
        sk_json_put_null(w);
    }
}

static int tell_row(struct dump *dump, sqlite3_stmt *s, const char *table)
{
    struct sk_json_writer w = begin_line(dump, table);
    for (int i = 0; i < sqlite3_column_count(s); i++) put_column(dump, &w, s, i);
    return end_line(dump, &w);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void put_number(struct sk_json_writer *w, const char *name, int64_t value)
{
    sk_json_key(w, name);
    sk_json_put_i64(w, value);
}

static int tell_event(struct dump *dump, const struct sk_event_row *row, uint32_t shard)
{
    struct sk_json_writer w = begin_line(dump, "event");
    put_number(&w, "shard", shard);
    put_number(&w, "position", (int64_t)row->position);
    put_number(&w, "no", (int64_t)row->no);
    put_number(&w, "seq", (int64_t)row->seq);
    put_number(&w, "at", row->at_ms);
    put_number(&w, "type", row->type);
    sk_json_key(&w, "name");
    sk_json_put_text(&w, sk_event_type_name((enum sk_event_type)row->type));
    put_number(&w, "step", row->step == SK_STEP_NONE ? -1 : (int64_t)row->step);
    put_number(&w, "item", row->item);
    put_number(&w, "attempt", row->attempt);
    put_number(&w, "round", row->round);
    sk_json_key(&w, "data");
    put_hex(dump, &w, row->data);
    return end_line(dump, &w);
}

static int tell_span(struct dump *dump, sqlite3_stmt *s)
{
    struct sk_sqlite_span span;
    struct sk_event_row row;
    sk_sqlite_span_of(s, &span);
    bool is_sound = sk_sqlite_span_is_sound(s, &span);
    struct sk_sqlite_unpack unpack = sk_sqlite_unpack_of(&span);
    int code = SQLITE_OK;
    while (is_sound && code == SQLITE_OK && sk_sqlite_unpack_next(&unpack, &row))
        code = tell_event(dump, &row, sk_sqlite_key_shard(span.key));
    if (code != SQLITE_OK || (is_sound && !unpack.reader.bad)) return code;
    return tell_row(dump, s, "damaged"); /* as it is */
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int tell_table(struct dump *dump, const char *table)
{
    bool is_span = strcmp(table, "span") == 0;
    char sql[120];
    sqlite3_stmt *s = NULL;
    sqlite3_snprintf(sizeof sql, sql, "SELECT %s FROM %s ORDER BY 1",
                     is_span ? SK_SQLITE_SPAN_COLUMNS : "*", table);
    int code = sk_sqlite_prepare(dump->db, sql, &s);
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        code = is_span ? tell_span(dump, s) : tell_row(dump, s, table);
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int tell_all(struct dump *dump)
{
    int code = sk_sqlite_exec(dump->db, "PRAGMA query_only = ON; BEGIN");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == SQLITE_OK; i++)
        code = tell_table(dump, tables[i]);
    return code;
}

static enum skald_status dump_file(const struct sk_sqlite_file *file, struct dump *dump,
                                   skald_error *error)
{
    enum skald_status status = sk_sqlite_open_to_read(file, &dump->db, error);
    int code = status == SKALD_OK ? tell_all(dump) : SQLITE_OK;
    if (code != SQLITE_OK) {
        struct sk_sqlite_fault fault;
        sk_sqlite_fault_take(dump->db, code, &fault);
        status = sk_sqlite_fault_status(&fault, error);
    }
    sqlite3_close_v2(dump->db);
    return status;
}

enum skald_status sk_sqlite_dump(const char *path, sk_sqlite_line *line, void *context,
                                 skald_error *error)
{
    struct sk_sqlite_file file;
    struct dump dump = { .line = line, .context = context };
    enum skald_status status = sk_sqlite_file_claim(path, false, &file, error);
    sk_buf_init(&dump.buf, 0);
    sk_buf_init(&dump.hex, 0);
    if (status == SKALD_OK) {
        status = dump_file(&file, &dump, error);
        sk_sqlite_file_release(&file);
    }
    sk_buf_release(&dump.buf);
    sk_buf_release(&dump.hex);
    return status == SKALD_OK ? status : (sk_error_wrap(error, "%s", path), status);
}
