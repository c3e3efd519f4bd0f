/*
 * options.c: the command line against the table of a command, and the help that is made from it.
 */
#include "cli/cli.h"

#include "base/str.h"
#include "base/time.h"
#include "skald/settings.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- messages -------------------------------------------------------------------------------- */

static void complain(const struct cli *cli, const char *entry, const char *remedy,
                     const char *format, va_list arguments)
{
    (void)fputs("skald: ", cli->err);
    (void)vfprintf(cli->err, format, arguments);
    (void)fputc('\n', cli->err);
    if (remedy != NULL) {
        (void)fprintf(cli->err, "       %s (skald trouble %s)\n", remedy, entry);
    } else {
        (void)fprintf(cli->err, "       skald trouble %s\n", entry);
    }
}

int cli_fail(const struct cli *cli, int code, const char *entry, const char *remedy,
             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(cli, entry, remedy, format, arguments);
    va_end(arguments);
    return code;
}

int cli_misuse(const struct cli *cli, const char *remedy, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(cli, "wrong-use", remedy, format, arguments);
    va_end(arguments);
    return CLI_WRONG_USE;
}

int cli_fail_error(const struct cli *cli, int code, const char *remedy, const skald_error *error)
{
    return cli_fail(cli, code, skald_status_name(error->status), remedy, "%s", error->message);
}

static void print_choices(FILE *out, const char *const *choices)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        (void)fprintf(out, "%s%s", i == 0 ? "" : "|", choices[i]);
    }
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[64];
    char letter[8] = "    ";
    if (option->letter != 0) (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name,
                   option->value == NULL ? "" : " ", option->value == NULL ? "" : option->value);
    (void)fprintf(out, "  %-28s %s", left, option->help);
    if (option->choices != NULL) {
        (void)fputs(": ", out);
        print_choices(out, option->choices);
    }
    const char *standard =
        option->kind == CLI_SETTING ? sk_settings_table.rows[option->min].standard : NULL;
    if (standard != NULL) (void)fprintf(out, " (%s)", standard);
    if (option->kind == CLI_LIST) (void)fputs(" (may be repeated)", out);
    (void)fputc('\n', out);
}

void cli_help(const struct cli *cli, FILE *out)
{
    const struct cli_command *command = cli->command;
    (void)fprintf(out, "usage: skald %s %s\n\n%s.\n\n", command->name, command->usage,
                  command->summary);
    struct cli_option option;
    for (size_t i = 0; cli_option_at(command, i, &option); i++) print_option(out, &option);
    (void)fprintf(out, "  %-28s %s\n\nexample:\n  %s\n", "    --help", "this page",
                  command->example);
}

/* ---- one option ------------------------------------------------------------------------------ */

static bool option_of_setting(const struct cli_command *command, size_t index,
                              struct cli_option *out)
{
    for (size_t i = 0; i < sk_settings_table.rows_count; i++) {
        const struct sk_setting *row = &sk_settings_table.rows[i];
        if (row->flag == NULL || index-- > 0) continue;
        *out = (struct cli_option){ .name = row->flag,
                                    .letter = row->letter,
                                    .kind = CLI_SETTING,
                                    .value = row->value,
                                    .help = row->help,
                                    .offset = command->settings_offset,
                                    .choices = row->words,
                                    .min = (int64_t)i };
        return true;
    }
    return false;
}

bool cli_option_at(const struct cli_command *command, size_t index, struct cli_option *out)
{
    size_t own = 0;
    while (command->options != NULL && command->options[own].name != NULL) own++;
    if (index < own) *out = command->options[index];
    return index < own || (command->has_settings && option_of_setting(command, index - own, out));
}

static bool option_named(const struct cli_command *command, struct sk_str name,
                         struct cli_option *out)
{
    for (size_t i = 0; cli_option_at(command, i, out); i++) {
        if (sk_str_is(name, out->name)) return true;
        if (name.size == 1 && out->letter != 0 && name.data[0] == out->letter) return true;
    }
    return false;
}

static int fail_unknown(const struct cli *cli, const char *argument, struct sk_str name)
{
    const char *names[64];
    size_t count = 0;
    struct cli_option option;
    while (count < sizeof names / sizeof names[0] && cli_option_at(cli->command, count, &option)) {
        names[count++] = option.name;
    }
    int near = sk_str_nearest(name, names, count);
    char remedy[160];
    if (near >= 0) {
        (void)snprintf(remedy, sizeof remedy, "did you mean --%s?", names[near]);
    } else {
        (void)snprintf(remedy, sizeof remedy, "skald %s --help lists its options",
                       cli->command->name);
    }
    return cli_misuse(cli, remedy, "%s: no option %s", cli->command->name, argument);
}

static int set_int(const struct cli *cli, const struct cli_option *option, const char *text,
                   int64_t *out)
{
    bool has_range = option->min != 0 || option->max != 0;
    int64_t value;
    if (!sk_str_to_i64(sk_str_of(text), &value)) {
        return cli_misuse(cli, NULL, "--%s wants a whole number, not '%s'", option->name, text);
    }
    if (has_range && (value < option->min || value > option->max)) {
        return cli_misuse(cli, NULL, "--%s %s is out of range: %" PRId64 " to %" PRId64,
                          option->name, text, option->min, option->max);
    }
    *out = value;
    return CLI_GO_ON;
}

static int set_choice(const struct cli *cli, const struct cli_option *option, const char *text,
                      int *out)
{
    size_t count = 0;
    for (; option->choices[count] != NULL; count++) {
        if (strcmp(option->choices[count], text) == 0) {
            *out = (int)count;
            return CLI_GO_ON;
        }
    }
    char remedy[160];
    size_t used = (size_t)snprintf(remedy, sizeof remedy, "it is one of:");
    for (size_t i = 0; i < count && used < sizeof remedy; i++) {
        used += (size_t)snprintf(remedy + used, sizeof remedy - used, " %s", option->choices[i]);
    }
    return cli_misuse(cli, remedy, "--%s '%s' is not known", option->name, text);
}

static int set_value(const struct cli *cli, const struct cli_option *option, const char *text,
                     void *field)
{
    struct cli_list *list = field;
    struct cli_given *given = field;
    switch (option->kind) {
    case CLI_FLAG: *(bool *)field = true; return CLI_GO_ON;
    case CLI_TEXT: *(const char **)field = text; return CLI_GO_ON;
    case CLI_INT: return set_int(cli, option, text, field);
    case CLI_CHOICE: return set_choice(cli, option, text, field);
    case CLI_DURATION:
        if (sk_duration_parse(sk_str_of(text), field)) return CLI_GO_ON;
        return cli_misuse(cli, "write it like 500ms, 30s, 5m, 1h30m or 2d",
                          "--%s '%s' is no duration", option->name, text);
    case CLI_LIST:
        if (list->count == CLI_LIST_MAX) {
            return cli_misuse(cli, NULL, "--%s: %d at most", option->name, CLI_LIST_MAX);
        }
        list->items[list->count++] = text;
        return CLI_GO_ON;
    case CLI_SETTING:
        if (given->count == CLI_LIST_MAX) {
            return cli_misuse(cli, NULL, "%d settings at most", CLI_LIST_MAX);
        }
        given->items[given->count].name = sk_settings_table.rows[option->min].name;
        given->items[given->count++].text = text;
        return CLI_GO_ON;
    }
    return CLI_GO_ON;
}

/* ---- the command line ------------------------------------------------------------------------ */

struct place {
    int argc;
    char **argv;
    int at; /* the argument being read */
};

static int parse_option(const struct cli *cli, void *out, struct place *place)
{
    const char *argument = place->argv[place->at];
    struct sk_str name = sk_str_of(argument[1] == '-' ? argument + 2 : argument + 1);
    const char *value = NULL;
    size_t equals = sk_str_find(name, '=');
    if (equals < name.size) {
        value = name.data + equals + 1;
        name.size = equals;
    }
    if (sk_str_is(name, "help") || (argument[1] != '-' && sk_str_is(name, "h"))) {
        cli_help(cli, cli->out);
        return CLI_DONE;
    }
    struct cli_option option;
    bool is_known = option_named(cli->command, name, &option);
    bool is_long = argument[1] == '-';
    if (!is_known || (is_long && !sk_str_is(name, option.name))) {
        return fail_unknown(cli, argument, name);
    }
    if (option.kind == CLI_FLAG && value != NULL) {
        return cli_misuse(cli, NULL, "--%s takes no value", option.name);
    }
    if (option.kind != CLI_FLAG && value == NULL) {
        if (place->at + 1 >= place->argc) {
            return cli_misuse(cli, NULL, "--%s wants a value: --%s %s", option.name, option.name,
                              option.value == NULL ? "VALUE" : option.value);
        }
        value = place->argv[++place->at];
    }
    return set_value(cli, &option, value, (char *)out + option.offset);
}

int cli_parse(const struct cli *cli, void *out, int argc, char **argv, struct cli_args *out_args)
{
    struct place place = { .argc = argc, .argv = argv, .at = 1 };
    bool options_ended = false;
    out_args->count = 0;
    for (; place.at < argc; place.at++) {
        const char *argument = argv[place.at];
        bool is_option = !options_ended && argument[0] == '-' && argument[1] != 0;
        if (is_option && strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (is_option) {
            int code = parse_option(cli, out, &place);
            if (code != CLI_GO_ON) return code;
        } else if (out_args->count == CLI_ARGS_MAX) {
            return cli_misuse(cli, NULL, "%d arguments at most", CLI_ARGS_MAX);
        } else {
            out_args->items[out_args->count++] = argument;
        }
    }
    return CLI_GO_ON;
}
