/*
 * client.h: the command line's way to a server: one HTTP request at a time over /api/v1. What goes
 * wrong becomes one clear sentence and an exit code; a caller only hands the code on.
 */
#ifndef SK_CLI_CLIENT_H
#define SK_CLI_CLIENT_H

#include "base/json.h"
#include "cli/cli.h"

/* What every command that talks to a server can be told; the first field of its options. */
struct cli_remote {
    const char *server;
    bool is_json;
};

/* Its rows; `type` is the command's options with a field `remote`. */
#define CLI_REMOTE_OPTIONS(type)                               \
    { "server",                                                \
      's',                                                     \
      CLI_TEXT,                                                \
      "URL",                                                   \
      "the server (SKALD_SERVER, else http://127.0.0.1:8080)", \
      .offset = offsetof(type, remote.server) },               \
    {                                                          \
        "json", 0, CLI_FLAG, NULL, "print JSON, for programs", \
            .offset = offsetof(type, remote.is_json)           \
    }

/* Those of a list that is looked at page by page; `type` has the fields `limit` and `cursor`. */
#define CLI_PAGE_OPTIONS(type, rows_max)                                \
    { "limit",                                                          \
      'l',                                                              \
      CLI_INT,                                                          \
      "N",                                                              \
      "rows of a page (50)",                                            \
      .offset = offsetof(type, limit),                                  \
      .min = 1,                                                         \
      .max = (rows_max) },                                              \
    {                                                                   \
        "cursor", 0, CLI_TEXT, "CURSOR", "where the page before ended", \
            .offset = offsetof(type, cursor)                            \
    }

struct cli_client;

struct cli_reply {
    int status;         /* HTTP; 0 = no answer */
    struct sk_buf body; /* checked JSON, or empty */
    bool is_replayed;   /* Skald-Replayed */
};

struct cli_request {
    const char *method; /* "GET" */
    const char *path;   /* "/api/v1/sagas?limit=10", escaped */
    const char *type;   /* of the body; NULL = application/json */
    struct sk_str body; /* empty = none */
    const char *key;    /* Idempotency-Key; NULL = none */
};

/* CLI_GO_ON, or an exit code after a message. `remote` is borrowed for the client's life. */
int cli_client_new(const struct cli *cli, const struct cli_remote *remote,
                   struct cli_client **out_client);
void cli_client_free(struct cli_client *client); /* NULL is fine */
/* "http://127.0.0.1:8080" */
const char *cli_client_address(const struct cli_client *client);

/* CLI_GO_ON and a 2xx in `reply`; otherwise the exit code, after a message. */
int cli_client_call(struct cli_client *client, const struct cli_request *request,
                    struct cli_reply *reply);
/* The same without a message: for callers that try again. */
int cli_client_try(struct cli_client *client, const struct cli_request *request,
                   struct cli_reply *reply);
/* The troubleshooting entry of a problem, which the server named in its `type`. Appends it. */
void cli_problem_entry(struct sk_str problem, int status, struct sk_buf *out);
/* Says what the last call of cli_client_try met; returns its exit code. */
int cli_client_complain(struct cli_client *client, const struct cli_reply *reply);
void cli_reply_release(struct cli_reply *reply);

/* Appends one segment of a path or one value of a query, percent-encoded. */
void cli_escape(struct sk_buf *out, const char *text);
/* Appends "&name=value" ("?…" for the first), unless value is NULL. */
void cli_query(struct sk_buf *path, const char *name, const char *value);

/* Members of a body: nothing for NULL or an empty list. `name` is also the option's. The JSON is
 * that of cli_read_json, whose exit code comes back. */
void cli_put_text(struct sk_json_writer *w, const char *name, const char *value);
void cli_put_list(struct sk_json_writer *w, const char *name, const struct cli_list *list);
int cli_put_json(const struct cli *cli, struct sk_json_writer *w, const char *name,
                 const char *value);

/* The text of a JSON argument, checked: `text` itself or, after '@', a file ("@-": standard input).
 * CLI_GO_ON, or CLI_WRONG_USE after a message that names `option`. */
int cli_read_json(const struct cli *cli, const char *option, const char *text, struct sk_buf *out);
/* The same for what may stand in a file or on standard input ("-"). */
int cli_read_file(const struct cli *cli, const char *path, size_t size_max, struct sk_buf *out);

#endif
