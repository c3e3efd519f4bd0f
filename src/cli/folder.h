/* folder.h: folders that a command makes for itself and takes away again. */
#ifndef SK_CLI_FOLDER_H
#define SK_CLI_FOLDER_H

/* With all that is in it; follows no links and leaves other file systems alone. What cannot be
 * removed stays. */
void cli_remove_folder(const char *folder);

#endif
