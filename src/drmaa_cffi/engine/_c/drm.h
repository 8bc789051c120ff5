/* Which back end's engine this library reaches: build_engine.py compiles one for each. */
#ifndef DRMAA_ENGINE_DRM_H
#define DRMAA_ENGINE_DRM_H

#ifndef ENGINE_NAME
#define ENGINE_NAME "local"
#define ENGINE_PREFIX "DRMAA_LOCAL_"           /* of its environment variables */
#define ENGINE_TITLE "the local engine"        /* in messages */
#define ENGINE_SYSTEM "drmaa-cffi local engine" /* drmaa_get_DRM_system, before the version */
#define ENGINE_STAYS 1        /* its jobs need it, on this host */
#define ENGINE_COPIES_FILES 1 /* transferFiles has a meaning, or needs none */
#endif

#endif
