/* The engine's folder: DRMAA_LOCAL_HOME, or one for this host in the user's state folder.
 * core/home.py has the same rules: tests/local/test_rules.py compares them. */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"
#include "underway.h"

static const char *setting(const char *name)
{
    const char *value = secure_getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Writes the path; false if it is too long or nothing tells where it should be. */
static int find_home(char *path, size_t size)
{
    const char *given = setting(ENGINE_PREFIX "HOME");
    int length;
    if (given != NULL) {
        char here[PATH_MAX];
        if (*given == '/')
            length = snprintf(path, size, "%s", given);
        else if (getcwd(here, sizeof here) == NULL)
            return 0;
        else
            length = snprintf(path, size, "%s/%s", here, given);
        return length > 0 && (size_t)length < size;
    }
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0 || *host == '\0')
        strcpy(host, "localhost");
    const char *state = setting("XDG_STATE_HOME");
    if (state != NULL && *state == '/') {
        length = snprintf(path, size, "%s/drmaa-" ENGINE_NAME "/%s", state, host);
        return length > 0 && (size_t)length < size;
    }
    const char *user = setting("HOME");
    char text[4096];
    struct passwd entry, *found = NULL;
    if (user == NULL || *user != '/') {
        if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) != 0 || found == NULL)
            return 0;
        user = found->pw_dir;
    }
    length = snprintf(path, size, "%s/.local/state/drmaa-" ENGINE_NAME "/%s", user, host);
    return length > 0 && (size_t)length < size;
}

/* Makes the folder and those above it that are missing, for this user only. */
static int make_folders(const char *path)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST && access(part, F_OK) != 0)
            return 0;
        *slash = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static int open_folder(const char *path)
{
    return above_standard_streams(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* A contact such as session=3@login1 names the folder, beside ours, in which its session is: that of
 * another login node. Puts it in the place of ours; whether it differs. */
static bool follow_contact(engine_home *home, const char *contact)
{
    const char *name = strchr(contact, '@');
    char *path = home->path;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    char *own = strrchr(path, '/') + 1;
    if (ENGINE_STAYS || name == NULL || strcmp(own, ++name) == 0)
        return false;
    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL)
        return false; /* the engine refuses it */
    if (strlen(name) >= sizeof home->path - (size_t)(own - path))
        return false;
    strcpy(own, name);
    return true;
}

int open_home(engine_home *home, const char *contact, diagnosis_buffer diagnosis)
{
    home->folder = -1;
    int held = hold_environment();
    int found = find_home(home->path, sizeof home->path);
    release_environment(held);
    if (!found)
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE "'s folder cannot be found, or its path is too long: set "
                    ENGINE_PREFIX "HOME to the path of a folder of your own");
    bool others = follow_contact(home, contact);
    home->folder = open_folder(home->path);
    if (home->folder < 0 && errno == ENOENT && others)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_CONTACT_STRING,
                    "there is no session '%s': its folder would be '%s', and there is none",
                    contact, home->path);
    if (home->folder < 0 && errno == ENOENT && make_folders(home->path))
        home->folder = open_folder(home->path);
    if (home->folder < 0)
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE "'s folder '%s' cannot be made or opened: %s; set "
                    ENGINE_PREFIX "HOME to the path of a folder of your own",
                    home->path, strerror(errno));
    struct stat facts;
    if (fstat(home->folder, &facts) != 0 || facts.st_uid != geteuid()) {
        close_home(home);
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE "'s folder '%s' belongs to user %lu, not to you (%lu): set "
                    ENGINE_PREFIX "HOME to the path of a folder of your own",
                    home->path, (unsigned long)facts.st_uid, (unsigned long)geteuid());
    }
    if ((facts.st_mode & 077) != 0) {
        close_home(home);
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE "'s folder '%s' has mode %04o, so that others could reach "
                    "your jobs: run chmod 700 on it",
                    home->path, (unsigned)facts.st_mode & 07777);
    }
    return DRMAA_ERRNO_SUCCESS;
}

void close_home(engine_home *home)
{
    close_descriptor(&home->folder);
}
