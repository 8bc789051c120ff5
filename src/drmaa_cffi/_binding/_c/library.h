/*
 * The routines of the libdrmaa that was chosen at run time, as one table of function pointers.
 *
 * DC_ROUTINES is the only list of them: the table, the look-up by dlsym and the stand-ins used
 * before a library is loaded are all made from it. Its entries are X(result, name, parameters,
 * what the stand-in does); the compiler holds them against drmaa.h. drmaa_get_num_* are left
 * out: old libraries lack them and newer ones disagree on their types.
 */
#ifndef DC_LIBRARY_H
#define DC_LIBRARY_H

#include "drmaa.h"

#define DC_OUT char *diagnosis, size_t diagnosis_len
#define DC_REFUSE return dc_no_library(diagnosis, diagnosis_len)
#define DC_END return DRMAA_ERRNO_NO_MORE_ELEMENTS

#define DC_ROUTINES(X)                                                                            \
    X(int, drmaa_init, (const char *contact, DC_OUT), DC_REFUSE)                                  \
    X(int, drmaa_exit, (DC_OUT), DC_REFUSE)                                                       \
    X(int, drmaa_get_contact, (char *contact, size_t contact_len, DC_OUT), DC_REFUSE)             \
    X(int, drmaa_get_DRM_system, (char *drm_system, size_t drm_system_len, DC_OUT), DC_REFUSE)    \
    X(int, drmaa_get_DRMAA_implementation, (char *implementation, size_t                          \
      implementation_len, DC_OUT), DC_REFUSE)                                                     \
    X(int, drmaa_version, (unsigned int *major, unsigned int *minor, DC_OUT), DC_REFUSE)          \
    X(const char *, drmaa_strerror, (int drmaa_errno), return "")                                 \
    X(int, drmaa_allocate_job_template, (drmaa_job_template_t **jt, DC_OUT), DC_REFUSE)           \
    X(int, drmaa_delete_job_template, (drmaa_job_template_t *jt, DC_OUT), DC_REFUSE)              \
    X(int, drmaa_set_attribute, (drmaa_job_template_t *jt, const char *name, const char           \
      *value, DC_OUT), DC_REFUSE)                                                                 \
    X(int, drmaa_get_attribute, (drmaa_job_template_t *jt, const char *name, char *value,         \
      size_t value_len, DC_OUT), DC_REFUSE)                                                       \
    X(int, drmaa_set_vector_attribute, (drmaa_job_template_t *jt, const char *name, const         \
      char *value[], DC_OUT), DC_REFUSE)                                                          \
    X(int, drmaa_get_vector_attribute, (drmaa_job_template_t *jt, const char *name,               \
      drmaa_attr_values_t **values, DC_OUT), DC_REFUSE)                                           \
    X(int, drmaa_get_attribute_names, (drmaa_attr_names_t **names, DC_OUT), DC_REFUSE)            \
    X(int, drmaa_get_vector_attribute_names, (drmaa_attr_names_t **names, DC_OUT), DC_REFUSE)     \
    X(int, drmaa_run_job, (char *job_id, size_t job_id_len, const drmaa_job_template_t *jt,       \
      DC_OUT), DC_REFUSE)                                                                         \
    X(int, drmaa_run_bulk_jobs, (drmaa_job_ids_t **job_ids, const drmaa_job_template_t *jt,       \
      int start, int end, int step, DC_OUT), DC_REFUSE)                                           \
    X(int, drmaa_control, (const char *job_id, int action, DC_OUT), DC_REFUSE)                    \
    X(int, drmaa_job_ps, (const char *job_id, int *status, DC_OUT), DC_REFUSE)                    \
    X(int, drmaa_synchronize, (const char *job_ids[], signed long timeout, int dispose,           \
      DC_OUT), DC_REFUSE)                                                                         \
    X(int, drmaa_wait, (const char *job_id, char *job_id_out, size_t job_id_out_len, int          \
      *stat, signed long timeout, drmaa_attr_values_t **usage, DC_OUT), DC_REFUSE)                \
    X(int, drmaa_wifexited, (int *exited, int stat, DC_OUT), DC_REFUSE)                           \
    X(int, drmaa_wexitstatus, (int *exit_status, int stat, DC_OUT), DC_REFUSE)                    \
    X(int, drmaa_wifsignaled, (int *signaled, int stat, DC_OUT), DC_REFUSE)                       \
    X(int, drmaa_wtermsig, (char *signal, size_t signal_len, int stat, DC_OUT), DC_REFUSE)        \
    X(int, drmaa_wcoredump, (int *core_dumped, int stat, DC_OUT), DC_REFUSE)                      \
    X(int, drmaa_wifaborted, (int *aborted, int stat, DC_OUT), DC_REFUSE)                         \
    X(int, drmaa_get_next_attr_name, (drmaa_attr_names_t *names, char *name, size_t               \
      name_len), DC_END)                                                                          \
    X(int, drmaa_get_next_attr_value, (drmaa_attr_values_t *values, char *value, size_t           \
      value_len), DC_END)                                                                         \
    X(int, drmaa_get_next_job_id, (drmaa_job_ids_t *job_ids, char *job_id, size_t                 \
      job_id_len), DC_END)                                                                        \
    X(void, drmaa_release_attr_names, (drmaa_attr_names_t *names), return)                        \
    X(void, drmaa_release_attr_values, (drmaa_attr_values_t *values), return)                     \
    X(void, drmaa_release_job_ids, (drmaa_job_ids_t *job_ids), return)

struct dc_routines {
#define DC_MEMBER(result, name, parameters, stand_in) result(*name) parameters;
    DC_ROUTINES(DC_MEMBER)
#undef DC_MEMBER
};

/* Written by dc_load only, which its callers run one at a time. */
extern struct dc_routines libdrmaa;

/* [cdef begins] */

/* How dc_load can end. */
#define DC_LOADED 0
#define DC_NOT_OPENED 1
#define DC_NOT_A_DRMAA 2

/*
 * Load the library called path (a file, or a soname for the dynamic loader to find) and take
 * its routines. Fills text (size bytes, at least 2): after DC_LOADED with the file the routines
 * came from, after DC_NOT_OPENED with the loader's reason, after DC_NOT_A_DRMAA with the names
 * of the routines that the library lacks. A failure changes nothing.
 */
int dc_load(const char *path, char *text, size_t size);

/*
 * Let the loaded library, if it is the local engine's, read the environment without another
 * thread changing os.environ meanwhile. In python/guard.c.
 */
void dc_guard_environment(void);

/* [cdef ends] */

/* A routine of the loaded library that is none of DRMAA's; NULL if it has none of that name. */
void *dc_own_routine(const char *name);

#endif
