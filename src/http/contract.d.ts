// Generated from openapi/openapi.yaml by `npm run contract`. Do not edit.

export interface paths {
    readonly "/health": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Health of the service
         * @description Says whether the service itself works, and how busy its connection pools are. It contacts no database. It is
         *     `degraded` when callers wait for a connection while at least 90 % of the connections are in use, of all or of one
         *     instance. Above 80 % and above 90 % it warns, and names the instance of whose connections the greatest part is in
         *     use.
         */
        readonly get: operations["getServiceHealth"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/openapi.json": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * This contract
         * @description The contract as an OpenAPI 3.1 document in JSON.
         */
        readonly get: operations["getOpenapi"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/docs": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Reference page
         * @description This contract as a page to read. It needs no script and nothing from other hosts.
         */
        readonly get: operations["getDocs"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/schemas": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List schemas
         * @description The names of the database's schemas, sorted, without the system's own (`pg_*` and `information_schema`).
         */
        readonly post: operations["listSchemas"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/tables": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List tables of a schema
         * @description Tables, views, materialized views and foreign tables of one schema, sorted by name. A partitioned table is listed
         *     once, with the totals of its partitions. `row_count` is the planner's estimate, and null where there is none.
         */
        readonly post: operations["listTables"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/health": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Check a database
         * @description Connects to the database and looks around. `unhealthy` means that it could be reached but not be looked at in
         *     time; a database that cannot be reached is a failure (503).
         */
        readonly post: operations["checkDatabaseHealth"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/schemas/create": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create a schema
         * @description Creates a schema. `created` is false when it was there already with that owner; with another owner it is a
         *     conflict. Without `owner`, the admin owns a new schema and any owner of an existing one is accepted.
         */
        readonly post: operations["createSchema"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/initialize": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create the standard roles of a schema
         * @description Creates the six standard roles: `{database}_{schema}_reader`, `_writer`, `_admin` and `_analyst` for the schema,
         *     `{database}_monitor` and `{database}_dba_agent` for the whole database. Their privileges hold for objects that
         *     exist and for objects that anybody able to create in the schema makes later. An existing role is skipped;
         *     `force_update` brings it back to its definition.
         *
         *     With `template` it creates the roles of that template instead, by `template_version` or else the newest version.
         *     Roles of several templates live in a schema side by side. Names of `standard` are exact, so a schema that leads
         *     to one of more than 63 bytes is refused; names of other templates are shortened, and end in a hash.
         */
        readonly post: operations["initializeRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/status": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What the registry holds of a database
         * @description What was recorded when the roles of a database were initialized. A database that nothing was recorded of is no
         *     failure: `roles_initialized` is false. Without `region`, the record that changed last is answered, of
         *     the regions that the service may work in.
         */
        readonly get: operations["getRolesStatus"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/assign": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Give a user a role
         * @description Makes a user a member of a role of the schema. `changed` is false when the user held it already. The membership
         *     is verified after it was granted. One that the user has by temporary access becomes a standing one, which stays
         *     when that ends: `changed` is true then, and a warning names the access.
         */
        readonly post: operations["assignRole"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Take a role from a user
         * @description Ends a user's membership in a role of the schema. `changed` is false when there was none. What another grantor
         *     granted is revoked too where the admin may, and is reported where it may not.
         */
        readonly post: operations["revokeRole"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/users": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List users and their roles
         * @description The instance's users as they stand to one schema: the roles that they hold, directly or through another role,
         *     and what they may do in the schema. A user is an IAM user by what it is a member of, not by its name.
         */
        readonly post: operations["listUsers"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/list": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List roles
         * @description The names of the instance's group roles, sorted, without system roles. With `schema_name`, only those that hold something in that schema.
         */
        readonly post: operations["listRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/explain": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Who has a privilege, and why
         * @description Whether a principal (a role, an IAM user, or `public`) has a privilege on an object, and by which paths. It agrees
         *     with PostgreSQL's `has_*_privilege` functions. Without `principal`, everybody who has it, each with a shortest
         *     path.
         *
         *     A path's `kind` is `superuser`, `ownership`, `acl` (it was granted), `predefined_role` (such as
         *     `pg_read_all_data`) or `public`. Its `via` are the memberships on the way, from the principal to the `holder`;
         *     empty when the principal holds it itself.
         *
         *     To use what is in a schema takes USAGE on the schema as well: see `schema_usage`.
         */
        readonly post: operations["explainPrivilege"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/history": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * What was done to the roles of a database
         * @description The entries of a database's history, newest first. A page may hold fewer than `limit` entries and not be the last:
         *     `next_before` says where the next one begins, and is null when there is none.
         */
        readonly post: operations["listHistory"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/history/verify": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Check that the history was not tampered with
         * @description Checks each entry's hash, that each entry follows the one before, and that none is missing at the beginning, in
         *     between or at the end. What was found is a success, whether or not the history is `intact`.
         */
        readonly post: operations["verifyHistory"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/plan": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Plan a desired state
         * @description Takes a whole desired state for a database - schemas with their owners, roles from templates, plain group roles,
         *     memberships, grants, and what PUBLIC is not to have - and answers with the statements that would bring the database
         *     to it, ready for psql as the admin. Nothing is changed. `mode` says what may be taken away: `additive` nothing;
         *     `adopt` what goes beyond the declaration of what is declared (a template's role, a membership's options, a
         *     grantee's privileges on an object, a schema's owner); `authoritative` also what is not declared in the declared
         *     schemas, of the declared roles, and of their members. Never touched: logins and their passwords, IAM principals'
         *     membership in cloudsql roles, the admin, owners' own rights, roles of PostgreSQL and Cloud SQL. Roles and
         *     memberships are the instance's: states of several of its databases may name the same ones. Who is a member of
         *     another database's template roles is left to that database's states; the members of a role under `roles` are for
         *     every state that lists it there, so in mode `authoritative` such states have to agree on them, or only name the
         *     role in grants. All faults of a state are answered at once, by JSON pointer. `plan_id` is a hash of the statements, the database and the mode:
         *     hand it to `/roles/apply`, which then runs exactly this plan or nothing.
         */
        readonly post: operations["planRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/apply": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Bring a database to a desired state
         * @description Runs what `/roles/plan` answers, in one transaction, and checks inside it that nothing is left to do. With `plan_id`
         *     it runs exactly the plan of that id: when the database or the state has changed since, nothing is done and the
         *     answer is a conflict whose details name the statements `added` and `removed`. The answer says what became of each
         *     statement; so do the details of a failure, after which everything is as it was (`rolled_back`).
         *
         *     What is given and taken is held against the policy as if it were assigned and revoked one by one: roles that this
         *     service did not make take the permission on the whole instance, a caller with `role_kinds` gives those kinds and no
         *     rights beside them, and templates name no guarded predefined role that `native_roles` does not. Members of another
         *     database's roles are left as they are.
         */
        readonly post: operations["applyRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/import": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Read a database as a desired state
         * @description Reads the schemas, roles, memberships, grants and default privileges of a database, whoever made them, as a desired
         *     state. Planned against the database it is read from it leads to no statement, in any mode. Roles that bear this
         *     service's mark come as their template; when they were changed by hand since, the plan mends them, and `warnings` says
         *     so. What no state can express is left as it is by every mode, and named in
         *     `warnings`: who granted a privilege that its owner did not, privileges on languages, foreign servers and large
         *     objects, memberships in logins and in roles of PostgreSQL.
         */
        readonly post: operations["importRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/rollback": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Go back to an earlier state
         * @description Plans the way back to what the service answered for after an entry of the history: templates by their versions,
         *     the members of their roles, the owners of their schemas, and what applied states declared. What was given since
         *     is taken, what was taken is given again, also what states took of others; what others did is left. Temporary
         *     access is not given back. Roles and schemas are never dropped: `warnings` names those that stay, and the
         *     statements of later entries that the way back does not undo. It is a dry run unless `dry_run` is false; the rollback is recorded as a change of its own.
         */
        readonly post: operations["rollbackRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/roles/drift": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Compare roles with their template
         * @description Compares templates, the registry and the live catalog, and changes nothing: each role with the version of its
         *     template that made it. A newer version that may be used is a difference too, of kind `changed_definition`, whose
         *     `repair` applies it. Of a schema of which nothing is known, the template `standard` is compared. Without
         *     `schema_name` it looks at every schema of the database that the registry or the roles' own marks know. `repair` is the SQL that the
         *     admin would run to end a difference; run in order, all of it is what `/roles/initialize` with `force_update` runs.
         *     It is empty for what the admin cannot repair, or what only the registry has wrong: then `detail` says why. What a
         *     role holds beyond its definition counts wherever it is: on the database, in other schemas, by default privileges,
         *     and the right to grant on; so does a member who has not the role's privileges, may not SET ROLE to it or may grant
         *     it on, one who has it from others than the admin too, and what a role owns that is not to create there. Who is a member does not: members are not part of a
         *     definition. What states that were applied declare is wanted. A database that was in sync is not compared again as long as a fingerprint of its
         *     catalog, read by one query, is the same: see `checked` and `force_full`.
         */
        readonly post: operations["readDrift"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/role-templates/list": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List role templates
         * @description The templates that come with the service (`standard`, `data_scientist`, `audit`, `backup`, `analytics_readonly`)
         *     and those that were created here, by name, with their versions, the newest first. `latest` is the version that
         *     is used when none is named; null when all are retired.
         */
        readonly post: operations["listRoleTemplates"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/role-templates/read": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Read a version of a role template
         * @description Answers a version with its definition, in the form in which `/role-templates/create` takes it; without `version`,
         *     the newest that is not retired. Retired versions are read too. `warnings` names what PostgreSQL cannot do of it.
         */
        readonly post: operations["readRoleTemplate"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/role-templates/create": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create a role template
         * @description Stores the first version of a template. A template is data: kinds of roles with their scope, the pattern of their
         *     names, what they inherit, and privileges by kind of object, on existing and on future objects. It never carries
         *     SQL. Every fault is answered at once, each with its JSON pointer.
         *
         *     Refused: attributes (SUPERUSER, REPLICATION, BYPASSRLS, CREATEROLE, LOGIN and all others), predefined roles that
         *     reach beyond any schema unless the caller's policy allows them by name (pg_read_all_data, pg_write_all_data,
         *     pg_execute_server_program, pg_read_server_files, pg_write_server_files), circles, kinds that nobody defines, names
         *     that would be one, and privileges that a kind of object does not have.
         *
         *     `warnings` names what PostgreSQL cannot do: default privileges cannot tell tables from views, or functions from
         *     procedures; large objects have default privileges from 18 on; MAINTAIN exists from 17 on. A name of more than 63
         *     bytes is shortened, and ends in a hash of all of it. The same content again changes nothing (`created: false`).
         *     A dry run checks all of it and stores nothing; its plan has no statements, since a template is no database's.
         */
        readonly post: operations["createRoleTemplate"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/role-templates/version": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Add a version to a role template
         * @description Stores a version that is greater than all of the template. Versions never change, so what was made by an earlier
         *     one can still be compared with it; `/roles/drift` says where a newer one is to be had. The same content again
         *     changes nothing (`created: false`). A dry run checks all of it and stores nothing.
         */
        readonly post: operations["addRoleTemplateVersion"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/role-templates/retire": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Retire a role template, or a version of it
         * @description From then on it is not used for anything new: `/roles/initialize` answers 409 where no role of it is recorded. What
         *     was made by it stays, and is still read and compared. Without `version`, all of the template is retired, and it
         *     takes no new versions. There is no way back; a second call changes nothing (`changed: false`).
         *     A dry run checks and changes nothing.
         */
        readonly post: operations["retireRoleTemplate"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/postgres-inheritance/grant": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Let the admin act for a user
         * @description Answers that the admin can manage what the user owns. The admin takes membership in the user inside each
         *     transaction that needs it and gives it back at its end (`mode: on_demand`). A membership that stands
         *     (`standing: true`) would make PostgreSQL take the admin for an IAM login and refuse its password, so it is done
         *     only with `acknowledge_admin_lockout: true`.
         */
        readonly post: operations["grantPostgresInheritance"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/postgres-inheritance/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * End a standing membership of the admin in a user
         * @description Revokes the admin's membership in the user where one stands. `already_revoked` is true when there was none.
         */
        readonly post: operations["revokePostgresInheritance"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/database/users/cleanup": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Free a user of what it owns and holds
         * @description In every database of the instance: hands what the user owns over, revokes what it was granted, and drops its
         *     default privileges, in one transaction per database. A failure in a database is a failure of the operation; the
         *     answer then says what was done where. Without `dry_run: true` this cannot be undone.
         */
        readonly post: operations["cleanupUser"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/bulk-assign": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Assign many roles
         * @description One after the other, each in a transaction of its own, with a result for each: one that fails does not undo the
         *     others, and repeating the call does what is left. At most MAX_USERS_PER_REQUEST. When the instance cannot be
         *     reached, the rest is reported as failed without being tried.
         */
        readonly post: operations["assignRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/bulk-revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Revoke many roles
         * @description One after the other, each in a transaction of its own, with a result for each: one that fails does not undo the
         *     others, and repeating the call does what is left. At most MAX_USERS_PER_REQUEST. When the instance cannot be
         *     reached, the rest is reported as failed without being tried.
         */
        readonly post: operations["revokeRoles"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/create": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Create a user
         * @description An IAM user, service account or group becomes a user of the instance through the Cloud SQL Admin API. A built-in
         *     user is created by SQL, without any attribute or role (the API would make it a member of cloudsqlsuperuser); its
         *     password is generated and stored as a new version of the secret `secret_id`, and answered to nobody. With
         *     `initial_roles` it gets its first roles in this database. A user that exists already, of the same type, is a
         *     success with `created: false`; roles that it lacks are given to it.
         *
         *     The steps are done in the order of the plan. When one fails, `details.steps` of the failure says what was done,
         *     and repeating the call goes on from there.
         */
        readonly post: operations["createUser"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/rotate-password": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Rotate a password
         * @description Gives the admin, or the built-in user `username`, a new password that nobody hears: it is generated, stored as a
         *     new version of its secret, told to PostgreSQL as a SCRAM-SHA-256 verifier, proven by a login, and then the older
         *     versions of the secret are disabled. No request fails meanwhile: sessions go on, and new connections are opened
         *     by whichever of the two newest versions PostgreSQL takes.
         *
         *     When a step fails, everything is as it was (`details.rolled_back`). When the process ends between two steps,
         *     repeating the call, or `GET /operations/{id}`, completes the rotation; until then this service logs in all the
         *     same. Each call is a new rotation: with `if_older_than` a scheduler may repeat it without harm.
         */
        readonly post: operations["rotatePassword"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/delete": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Delete a user
         * @description Revokes what the user was granted in every database of the instance, ends its memberships, whoever granted them,
         *     and deletes it: an IAM principal through the Cloud SQL Admin API, a built-in user by DROP ROLE. A user who owns
         *     something or has open sessions is refused with 409, unless `force: true` says that what it owns is to be handed
         *     over and its sessions are to be ended. A user that does not exist is a success with `existed: false`. The secret
         *     of a built-in user's password stays.
         */
        readonly post: operations["deleteUser"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/offboard": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Offboard a user
         * @description Ends everything of a user in every database of the instance, and the user itself: its login (an IAM principal
         *     keeps it until it is deleted), its sessions, what it owns (handed over to `new_owner`, else to the owner of the
         *     schema that it lies in, else to the admin), its default privileges and grants, and its memberships, whoever
         *     granted them. Everything is planned before anything is touched, then done in one transaction per database. When
         *     a step fails, `details.steps` of the failure says what was done and what was not; repeating the call goes on from
         *     there, also after the end of the process.
         */
        readonly post: operations["offboardUser"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/reconcile": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Where Cloud SQL's users and PostgreSQL's roles do not fit together
         * @description Orphans on either side, IAM principals that cannot log in, logins that hold nothing, and the service's own admin
         *     as a member of an IAM role, which locks its password login out (visible only as long as a connection is open).
         *     Each finding says what may mend it; nothing is changed.
         */
        readonly post: operations["reconcileUsers"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/users/list": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * The users of an instance
         * @description What the Cloud SQL Admin API lists, joined with PostgreSQL's roles: what kind of user each is, whether it can
         *     log in, the managed roles that it holds in every database of the instance, and what is known of its sessions.
         *     A user that only one side knows is named with the side that misses it. System users and the service's own admin
         *     are left out. PostgreSQL keeps nothing of sessions that have ended: `last_activity` is `null` without a session.
         *     The members of an IAM group are no users before their first login.
         */
        readonly post: operations["listAccounts"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/operations/{operation_id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * An operation on a user
         * @description What became of an operation that was answered 202, or that failed. It is kept where every process of the service
         *     sees it: when the process that worked on it has ended, this call lets another one go on with it. An operation
         *     on an instance that the caller may not look at is not found.
         */
        readonly get: operations["readOperation"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/request": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Ask for a role for some time
         * @description The caller asks for a managed role, for itself (its own database user) or, with the policy's role `operator`, for
         *     another user; for an IAM group only where CLOUD_IDENTITY_GROUPS says who is in it. A rule of the policy with `access` must bind the caller here, name the role's kind or none, and allow
         *     the duration. Nothing is granted before somebody approves; a request that nobody decided on within 7 days lapses.
         *     `already_member` says that the user holds the role anyway: such a membership stays when the access ends.
         */
        readonly post: operations["requestAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/approve": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Approve temporary access
         * @description Grants the membership, without ADMIN; the time begins now. Only an approver of a rule that covers the request may,
         *     and never whoever asked for it or gets it, also as a member of the user or IAM group that gets it. Of two who decide at once one is told `conflict`; so is an approval of
         *     what is revoked, or runs out, while it waits for its turn on the instance: then nothing is granted.
         */
        readonly post: operations["approveAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/deny": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Deny temporary access, or withdraw a request
         * @description An approver denies a request that waits; whoever asked withdraws it.
         */
        readonly post: operations["denyAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * End temporary access before its time
         * @description Revokes the membership, then ends the user's sessions on the instance. Approvers may, operators, and whoever asked
         *     for it or has it. A membership that another access needs, or that was there before, stays.
         */
        readonly post: operations["revokeAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/list": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * List temporary access
         * @description The accesses to a database, newest first, at most 500 of the instance. `overdue` is one that should have ended, and
         *     could not be: it is tried again.
         */
        readonly post: operations["listAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/access/expire": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * End temporary access that is over
         * @description For Cloud Scheduler, every minute: so access ends though nobody else calls the service. Ends what is over in every
         *     instance, in several at once, lets requests lapse that nobody decided on within 7 days, and mends a grant whose
         *     process ended before it was recorded. An instance that does not answer is asked once a call, and keeps the others
         *     from nothing. Reports each that the caller may see. What fails stays due. Repeating it is harmless. It ends access in
         *     every region, whatever ALLOWED_REGIONS says, and grants nothing in those that are not allowed. A dry run tells of each
         *     that is due what would become of it.
         */
        readonly post: operations["expireAccess"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * The connection pools
         * @description The pools of this process in PgBouncer's words: `cl_` counts requests, `sv_` connections to the database. It
         *     contacts no database. Each process of the service has pools of its own and answers for itself.
         */
        readonly get: operations["listPools"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools/pause": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Hold requests back
         * @description Lends no connection until `/pools/resume`. Requests wait as long as CONNECTION_TIMEOUT and are then answered 503.
         *     What runs goes on; each connection is closed when it comes back. `complete` says that none is left: then the
         *     database can be restarted, moved or dropped. When the pause is ended meanwhile, it is answered at once, without
         *     `complete`. It holds for this process, and for databases without a pool too.
         */
        readonly post: operations["pausePools"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools/resume": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * End a pause
         * @description Ends the pauses of what is named and of what lies in it; a pause of something wider stays, and then so does the
         *     state `paused`. Failures to connect are forgotten, so that an instance that came back is tried at once.
         */
        readonly post: operations["resumePools"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools/drain": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Replace connections
         * @description Closes idle connections now, and those in use when they come back. New requests get new connections. `complete`
         *     says that none of the old ones is left.
         */
        readonly post: operations["drainPools"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools/reload": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Read credentials again and replace connections
         * @description Reads the settings of the pools again from `SETTINGS_FILE`, and the admin's password before the next connection is
         *     opened, forgets failures to connect, and then does as `/pools/drain`. No request fails by it. Settings are the
         *     process's: they change for all pools, whatever is named, and sizes and limits at once. When one of them is wrong,
         *     nothing is changed, and the answer is 409 with `details.faults`.
         */
        readonly post: operations["reloadPools"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/pools/kill": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * End connections at once
         * @description Cancels what runs and closes the connections. Requests that ran something are answered 503 with
         *     `details.reason: connection_killed`; it is not known whether their last statement took effect. Requests that
         *     wait, and new ones, get new connections: to hold them back, pause first.
         */
        readonly post: operations["killPools"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description The Google Cloud project's id.
         * @example demo-project
         */
        readonly ProjectId: string;
        /**
         * @description The region that the instance is in.
         * @example europe-west1
         */
        readonly Region: string;
        /**
         * @description The Cloud SQL instance's name, without the project.
         * @example orders-db
         */
        readonly InstanceName: string;
        /**
         * @description The database's name, exactly as PostgreSQL has it, at most 63 bytes.
         * @example orders
         */
        readonly DatabaseName: string;
        /**
         * @description The schema's name, exactly as PostgreSQL has it, at most 63 bytes.
         * @example app
         */
        readonly SchemaName: string;
        /**
         * @description An e-mail address of an IAM user, service account or group, or the name of a PostgreSQL login. E-mail addresses
         *     are lower-cased, and a service account loses `.gserviceaccount.com`.
         * @example alice@example.com
         */
        readonly Username: string;
        /**
         * @description The user or role that is to own the schema, written as `username` is.
         * @example app_owner
         */
        readonly Owner: string;
        /**
         * @description Answer with the plan and change nothing.
         * @default false
         */
        readonly DryRun: boolean;
        readonly TargetRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
        };
        readonly SchemaRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name: components["schemas"]["SchemaName"];
        };
        readonly ListRolesRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name?: components["schemas"]["SchemaName"];
        };
        readonly PlanRolesRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly mode: components["schemas"]["StateMode"];
            readonly state: components["schemas"]["DesiredState"];
        };
        readonly ApplyRolesRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly mode: components["schemas"]["StateMode"];
            readonly state: components["schemas"]["DesiredState"];
            readonly plan_id?: components["schemas"]["PlanId"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        /** @description The id of a plan that was looked at. Exactly that plan is run, or nothing. */
        readonly PlanId: string;
        /**
         * @description What may be taken away. `additive` - nothing; `adopt` - what goes beyond the declaration of what is declared; `authoritative` - also what is not declared in the managed scope.
         * @enum {string}
         */
        readonly StateMode: "additive" | "adopt" | "authoritative";
        /** @description A name as the catalog spells it, at most 63 bytes. */
        readonly StateName: string;
        /** @description A role or a user; an e-mail address is brought to the form that Cloud SQL gives it. */
        readonly StateUser: string;
        /** @description Names of objects, or `all` of that type that the schema has now. A routine may be given with its arguments (as pg_get_function_identity_arguments spells them); by its name alone it stands for all of that name. */
        readonly StateObjects: "all" | readonly (components["schemas"]["StateName"] | {
            readonly name: components["schemas"]["StateName"];
            /** @description The routine's arguments, such as `a integer, b text`; "" for none. */
            readonly arguments: string;
        })[];
        /** @description What a database's roles and rights should be. A part that is left out declares nothing. */
        readonly DesiredState: {
            readonly schemas?: readonly {
                readonly name: components["schemas"]["StateName"];
                /** @description Left out or null - whoever owns it, and the admin when it has to be created. */
                readonly owner?: components["schemas"]["StateUser"] | null;
            }[];
            /** @description Roles from templates, for one schema each. */
            readonly templates?: readonly {
                readonly name: components["schemas"]["StateName"];
                /** @description Left out or null - the newest. */
                readonly version?: string | null;
                readonly schema: components["schemas"]["StateName"];
            }[];
            /** @description Plain group roles without any attribute; logins are never created or altered. */
            readonly roles?: readonly {
                readonly name: components["schemas"]["StateName"];
            }[];
            readonly memberships?: readonly {
                readonly role: components["schemas"]["StateName"];
                readonly member: components["schemas"]["StateUser"];
                /**
                 * @description The member has the role's privileges at once. Before PostgreSQL 16 an attribute of the member, which is not changed.
                 * @default true
                 */
                readonly inherit?: boolean;
                /**
                 * @description The member may SET ROLE to it (PostgreSQL 16 and later).
                 * @default true
                 */
                readonly set?: boolean;
                /**
                 * @description The member may grant the role on.
                 * @default false
                 */
                readonly admin?: boolean;
            }[];
            readonly grants?: readonly {
                readonly grantee: components["schemas"]["StateUser"];
                readonly object_type: components["schemas"]["StateObjectType"];
                readonly schema?: components["schemas"]["StateSchema"];
                readonly objects?: components["schemas"]["StateObjects"];
                /** @description Only these columns of the tables named. */
                readonly columns?: readonly components["schemas"]["StateName"][];
                readonly privileges: components["schemas"]["StatePrivileges"];
                /**
                 * @description WITH GRANT OPTION.
                 * @default false
                 */
                readonly grantable?: boolean;
                readonly future_owners?: components["schemas"]["StateFutureOwners"];
            }[];
            /** @description What PUBLIC is not to have. Mode additive leaves it. */
            readonly public_revocations?: readonly {
                readonly object_type: components["schemas"]["StateObjectType"];
                readonly schema?: components["schemas"]["StateSchema"];
                readonly objects?: components["schemas"]["StateObjects"];
                readonly privileges: components["schemas"]["StatePrivileges"];
                readonly future_owners?: components["schemas"]["StateFutureOwners"];
            }[];
        };
        /**
         * @description `table` is every relation with rows, views too; `routine` functions and procedures.
         * @enum {string}
         */
        readonly StateObjectType: "database" | "schema" | "table" | "sequence" | "routine" | "type";
        /** @description Left out for the database, and for default privileges that hold in every schema. */
        readonly StateSchema: components["schemas"]["StateName"] | null;
        readonly StatePrivileges: readonly string[];
        /** @description Whoever creates objects on which the privileges are to hold too; default privileges bind to the creator. */
        readonly StateFutureOwners: readonly components["schemas"]["StateUser"][];
        /** @description How many statements serve what, those that take and give back rights included. */
        readonly PlanSummary: {
            readonly roles: number;
            readonly schemas: number;
            readonly memberships: number;
            readonly privileges: number;
            readonly default_privileges: number;
            readonly destructive: number;
            readonly total: number;
        };
        readonly RolesPlanned: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly mode: components["schemas"]["StateMode"];
            readonly plan: components["schemas"]["Plan"];
            readonly summary: components["schemas"]["PlanSummary"];
            readonly warnings: readonly string[];
        };
        readonly RolesApplied: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly mode: components["schemas"]["StateMode"];
            /** @description Whether anything was done; in a dry run whether anything would be. */
            readonly changed: boolean;
            readonly plan_id: components["schemas"]["PlanId"];
            readonly plan?: components["schemas"]["Plan"];
            /** @description What became of each statement. Not in a dry run. */
            readonly statements?: readonly components["schemas"]["RecordedStatement"][];
            readonly summary: components["schemas"]["PlanSummary"];
            readonly warnings: readonly string[];
        };
        readonly RollbackRolesRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /** @description The number of the history entry to whose state to go back; 0 for the one before the first entry. */
            readonly sequence: number;
            readonly plan_id?: components["schemas"]["PlanId"];
            /**
             * @description Answer with the plan and change nothing; false to do it.
             * @default true
             */
            readonly dry_run?: boolean;
        };
        readonly RolesImported: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly state: components["schemas"]["DesiredState"];
            /** @description What the state does not express. */
            readonly warnings: readonly string[];
        };
        readonly RolesRolledBack: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly sequence: number;
            /** @description Whether anything was done; in a dry run whether anything would be. */
            readonly changed: boolean;
            readonly plan_id: components["schemas"]["PlanId"];
            readonly plan?: components["schemas"]["Plan"];
            /** @description What became of each statement. Not in a dry run. */
            readonly statements?: readonly components["schemas"]["RecordedStatement"][];
            readonly state: components["schemas"]["DesiredState"];
            readonly summary: components["schemas"]["PlanSummary"];
            readonly warnings: readonly string[];
        };
        readonly DriftRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name?: components["schemas"]["SchemaName"];
            /**
             * @description Compare everything, even when the catalog's fingerprint says that nothing has changed.
             * @default false
             */
            readonly force_full?: boolean;
        };
        readonly ExplainRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /**
             * @description A role, or the e-mail address of an IAM user, written as `username` is, or `public` for what everybody has.
             *     Left out, everybody who has the privilege is listed.
             */
            readonly principal?: string;
            /**
             * @description The privilege, one that objects of the type have; MAINTAIN from PostgreSQL 17 on.
             * @enum {string}
             */
            readonly privilege: "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE" | "REFERENCES" | "TRIGGER" | "MAINTAIN" | "CREATE" | "CONNECT" | "TEMPORARY" | "USAGE" | "EXECUTE";
            /**
             * @description The kind of object. Views and foreign tables are tables; procedures are functions. A large object is judged by its
             *     ACL on every version; PostgreSQL itself can be asked from 18 on, by has_largeobject_privilege.
             * @enum {string}
             */
            readonly object_type: "database" | "schema" | "table" | "column" | "sequence" | "function" | "type" | "large_object";
            /**
             * @description The object's name: `database`, `schema`, `schema.table`, `schema.table.column`, `schema.sequence`,
             *     `schema.type`, the oid of a large object, or `schema.function(type, type)`; the parentheses may be left out where only one function has
             *     the name. Names are spelt exactly as PostgreSQL has them. One that holds a dot or a double quote (or a
             *     parenthesis, for a function) stands in double quotes as in SQL.
             */
            readonly object: string;
            /**
             * @description Ask for the right to grant the privilege on to others.
             * @default false
             */
            readonly with_grant_option?: boolean;
        };
        readonly HistoryRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /** @description Only entries that are about this role, or one of whose statements names it. Its full name. */
            readonly role_name?: string;
            readonly username?: components["schemas"]["Username"];
            /** @description Only entries of this operation, by its operationId, such as `assignRole`. */
            readonly action?: string;
            /** @description Only entries of what this caller did. */
            readonly actor?: string;
            /** @description Only entries of this time (RFC 3339) or later. */
            readonly since?: string;
            /** @description Only entries of this time (RFC 3339) or earlier. */
            readonly until?: string;
            /** @description Only entries before this one, by sequence number: `next_before` of the page before. */
            readonly before?: number;
            /**
             * @description The most entries.
             * @default 50
             */
            readonly limit?: number;
        };
        readonly CreateSchemaRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name: components["schemas"]["SchemaName"];
            readonly owner?: components["schemas"]["Owner"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        /** @description A template's name, lower-case letters, digits and underscores. */
        readonly TemplateName: string;
        /** @description A semantic version. */
        readonly TemplateVersionNumber: string;
        readonly ListRoleTemplatesRequest: {
            /**
             * @description Also those of which no version may be used any more.
             * @default false
             */
            readonly include_retired?: boolean;
        };
        readonly RoleTemplateRequest: {
            readonly name: components["schemas"]["TemplateName"];
            readonly version?: components["schemas"]["TemplateVersionNumber"];
        };
        readonly RetireRoleTemplateRequest: {
            readonly name: components["schemas"]["TemplateName"];
            readonly version?: components["schemas"]["TemplateVersionNumber"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly RoleTemplateAddition: {
            readonly name: components["schemas"]["TemplateName"];
            readonly version: components["schemas"]["TemplateVersionNumber"];
            /** @description What it is for, at most 1000 characters. */
            readonly description?: string;
            /** @description 1 to 50 roles. */
            readonly roles: readonly components["schemas"]["RoleTemplateRole"][];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly RoleTemplateForm: {
            readonly name: components["schemas"]["TemplateName"];
            readonly version: components["schemas"]["TemplateVersionNumber"];
            /** @description What it is for, at most 1000 characters. */
            readonly description?: string;
            /** @description 1 to 50 roles. */
            readonly roles: readonly components["schemas"]["RoleTemplateRole"][];
        };
        readonly RoleTemplateRole: {
            /** @description Lower-case letters, digits and underscores, at most 40; unique in the template. */
            readonly kind: string;
            /**
             * @description `schema`: one role a schema. `database`: one role for all of the database, which has its privileges on objects
             *     in each schema to which the template is applied.
             */
            readonly scope: string;
            /** @description What it is for, at most 200 characters. */
            readonly purpose?: string;
            /**
             * @description With `{database}`, and `{schema}` when the scope is schema; `{kind}` and `{template}` are there too. Without
             *     it, `{database}_{schema}_{kind}` or `{database}_{kind}`. No name may begin with pg_ or cloudsql.
             */
            readonly name_pattern?: string;
            /** @description Kinds of this template of which it is a member. */
            readonly inherits?: readonly string[];
            /**
             * @description Predefined roles of which it is a member, such as pg_monitor. Those that the server's version does not have are
             *     left out. Those that reach beyond any schema, such as pg_read_all_data, are for callers whose policy names them
             *     (`native_roles`): to write the template, to use it, and to assign the role.
             */
            readonly native_roles?: readonly string[];
            /** @description NOLOGIN and INHERIT, which every role has; any other is refused. */
            readonly attributes?: readonly string[];
            readonly grants?: readonly components["schemas"]["RoleTemplateGrant"][];
            readonly column_grants?: readonly components["schemas"]["RoleTemplateColumnGrant"][];
            /** @description Extensions whose relations it may read, where they are installed, such as pg_stat_statements. */
            readonly extensions?: readonly string[];
        };
        readonly RoleTemplateGrant: {
            /**
             * @description Kinds of objects: database, schema, table (partitioned and foreign ones too), view, materialized_view, sequence,
             *     function (aggregates too), procedure, type (domains too), large_object (scope database only).
             */
            readonly on: readonly string[];
            /** @description Privileges that each of these kinds has, such as SELECT or MAINTAIN. */
            readonly privileges: readonly string[];
            /**
             * @description On what exists whenever the template is applied; what came since and lacks it is drift.
             * @default true
             */
            readonly existing?: boolean;
            /**
             * @description On what anybody able to create in the schema makes later. True when it is left out, but for databases and
             *     schemas, of which there is one.
             */
            readonly future?: boolean;
        };
        readonly RoleTemplateColumnGrant: {
            /** @description A table, view or materialized view of the schema. */
            readonly table: string;
            readonly columns: readonly string[];
            /** @description SELECT, INSERT, UPDATE or REFERENCES. */
            readonly privileges: readonly string[];
        };
        readonly RoleTemplateVersion: {
            /** @description The semantic version. */
            readonly version: string;
            /** @description SHA-256 of all of its content. */
            readonly checksum: string;
            /** @description Whether it may not be used for anything new. */
            readonly retired: boolean;
            /**
             * Format: date-time
             * @description Null of a built-in one.
             */
            readonly created_at: string | null;
            /** @description Null of a built-in one. */
            readonly created_by: string | null;
        };
        readonly RoleTemplateEntry: {
            /** @description The template. */
            readonly name: string;
            /** @description Whether it comes with the service and cannot be changed. */
            readonly builtin: boolean;
            /** @description Whether no version may be used for anything new. */
            readonly retired: boolean;
            /** @description The newest version that may be used. */
            readonly latest: string | null;
            /** @description The newest first. */
            readonly versions: readonly components["schemas"]["RoleTemplateVersion"][];
        };
        readonly RoleTemplateList: components["schemas"]["Envelope"] & {
            readonly templates: readonly components["schemas"]["RoleTemplateEntry"][];
        };
        readonly RoleTemplateRead: components["schemas"]["Envelope"] & components["schemas"]["RoleTemplateEntry"] & {
            /** @description The version that is answered. */
            readonly version: string;
            readonly template: components["schemas"]["RoleTemplateForm"];
            /** @description What PostgreSQL cannot do of it. */
            readonly warnings: readonly string[];
        };
        readonly RoleTemplateAdded: components["schemas"]["Envelope"] & {
            /** @description The template. */
            readonly name: string;
            /** @description The version. */
            readonly version: string;
            /** @description False when it was there already with this content. */
            readonly created: boolean;
            /** @description SHA-256 of all of its content. */
            readonly checksum: string;
            /** @description Whether it may not be used any more. */
            readonly retired: boolean;
            /** @description What PostgreSQL cannot do of it. */
            readonly warnings: readonly string[];
            readonly plan?: components["schemas"]["Plan"];
        };
        readonly RoleTemplateRetired: components["schemas"]["Envelope"] & {
            /** @description The template. */
            readonly name: string;
            /** @description The version, or null for all of them. */
            readonly version: string | null;
            /** @description False when it was retired before. */
            readonly changed: boolean;
            /** @description The newest version that may still be used. */
            readonly latest: string | null;
            readonly plan?: components["schemas"]["Plan"];
        };
        readonly InitializeRolesRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name: components["schemas"]["SchemaName"];
            /**
             * @description Bring roles that exist back to their definition.
             * @default false
             */
            readonly force_update?: boolean;
            readonly template?: components["schemas"]["TemplateName"];
            readonly template_version?: components["schemas"]["TemplateVersionNumber"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly MembershipRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name: components["schemas"]["SchemaName"];
            readonly username: components["schemas"]["Username"];
            /** @description The role's full name, or a kind such as `reader`. */
            readonly role_name: string;
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly GrantInheritanceRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            /**
             * @description Leave the membership in place. For an IAM user this ends the admin's password login.
             * @default false
             */
            readonly standing?: boolean;
            /**
             * @description That a standing membership may lock the admin out is understood.
             * @default false
             */
            readonly acknowledge_admin_lockout?: boolean;
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly RevokeInheritanceRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly CleanupRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            readonly schema_name?: components["schemas"]["SchemaName"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly Envelope: {
            /**
             * @description Always true in a success.
             * @constant
             */
            readonly success: true;
            /** @description For people: what was found or done. */
            readonly message: string;
            /** @description How long the service took, in seconds. */
            readonly execution_time_seconds: number;
        };
        readonly TargetFields: {
            /** @description The target's project. */
            readonly project_id: string;
            /** @description The target's region. */
            readonly region: string;
            /** @description The target's instance. */
            readonly instance_name: string;
            /** @description The target's database. */
            readonly database_name: string;
        };
        /** @description What the caller should know, such as a step that this instance does not allow. */
        readonly Warnings: readonly string[];
        readonly Names: readonly string[];
        /** @description What a dry run would do. Only in a dry run. */
        readonly Plan: {
            /** @description SHA-256 over the statements; equal plans have equal ids. */
            readonly plan_id: string;
            /** @description In the order in which they would run; empty when there is nothing to do. */
            readonly statements: readonly components["schemas"]["PlannedStatement"][];
        };
        readonly PlannedStatement: {
            /** @description What the statement is for. */
            readonly description: string;
            /** @description The statement; secrets are hidden. */
            readonly sql: string;
            /** @description The database that it would run in. */
            readonly database: string;
            /** @description Its failure is reported and does not end the operation. */
            readonly optional: boolean;
            /** @description It takes away a privilege, a membership or an object. */
            readonly destructive: boolean;
        };
        readonly BulkMembershipRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /** @description At most MAX_USERS_PER_REQUEST. */
            readonly memberships: readonly {
                readonly schema_name: components["schemas"]["SchemaName"];
                readonly username: components["schemas"]["Username"];
                /** @description The role's full name, or its kind, such as `reader`. */
                readonly role_name: string;
            }[];
            /**
             * @description Say what would become of each and change nothing; the plan has no statements of a failure.
             * @default false
             */
            readonly dry_run?: boolean;
        };
        readonly BulkMembershipResult: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly plan?: components["schemas"]["Plan"];
            readonly changed: number;
            readonly unchanged: number;
            readonly failed: number;
            readonly results: readonly {
                readonly schema_name: string;
                /** @description As it was asked for. */
                readonly username: string;
                /** @description The role's full name; of a failure, as it was asked for. */
                readonly role_name: string;
                /** @enum {string} */
                readonly outcome: "changed" | "unchanged" | "failed";
                readonly error: {
                    readonly error_type: string;
                    readonly message: string;
                } | null;
                readonly warnings: readonly string[];
            }[];
        };
        readonly AccessRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly schema_name: components["schemas"]["SchemaName"];
            /** @description A role's full name, or its kind, such as `reader`. */
            readonly role_name: string;
            readonly username?: components["schemas"]["Username"];
            /** @description How long it is to last from the approval on. */
            readonly duration_seconds: number;
            /** @description Why, for whoever approves and for the history. */
            readonly reason: string;
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly AccessDecision: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /** @description The access. */
            readonly access_id: string;
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly ExpireAccessRequest: {
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly Access: {
            /** @description Its id. */
            readonly access_id: string;
            /** @description Of its target. */
            readonly project_id: string;
            /** @description Of its target. */
            readonly region: string;
            /** @description Of its target. */
            readonly instance_name: string;
            /** @description Of its target. */
            readonly database_name: string;
            /** @description Of its target. */
            readonly schema_name: string;
            /** @description The role's full name. */
            readonly role_name: string;
            /** @description Who gets it. */
            readonly normalized_username: string;
            /** @description Who asked. */
            readonly requested_by: string;
            /** @description Why. */
            readonly reason: string;
            /** @description How long it lasts from the approval on. */
            readonly duration_seconds: number;
            /**
             * @description Where it stands.
             * @enum {string}
             */
            readonly state: "requested" | "granting" | "active" | "ending" | "expired" | "revoked" | "denied" | "withdrawn" | "lapsed";
            /** @description When it was asked for. */
            readonly requested_at: string;
            /** @description Who approved or denied it. */
            readonly decided_by: string | null;
            /** @description When it was approved. */
            readonly starts_at: string | null;
            /** @description When it ends. */
            readonly expires_at: string | null;
            /** @description Who ended it. */
            readonly ended_by: string | null;
            /** @description When it ended. */
            readonly ended_at: string | null;
            /** @description It is due to be ended or mended and was not yet. */
            readonly overdue: boolean;
        };
        readonly AccessChanged: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description Whether this call changed anything. */
            readonly changed: boolean;
            /** @description The user holds the role by a standing membership. */
            readonly already_member: boolean;
            readonly plan?: components["schemas"]["Plan"];
            readonly access: components["schemas"]["Access"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly AccessList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description Newest first. */
            readonly accesses: readonly components["schemas"]["Access"][];
        };
        readonly AccessExpired: components["schemas"]["Envelope"] & {
            readonly plan?: components["schemas"]["Plan"];
            /** @description One for each that was due. */
            readonly results: readonly {
                readonly access: components["schemas"]["Access"];
                /**
                 * @description What became of it.
                 * @enum {string}
                 */
                readonly outcome: "expired" | "revoked" | "lapsed" | "mended" | "failed";
                /** @description Why it failed. */
                readonly problem?: string;
            }[];
        };
        readonly CreateUserRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            /**
             * @description What kind of user it is to be.
             * @enum {string}
             */
            readonly user_type: "iam_user" | "iam_service_account" | "iam_group" | "built_in";
            /**
             * @description Roles that it gets in this database.
             * @default []
             */
            readonly initial_roles?: readonly {
                readonly schema_name: components["schemas"]["SchemaName"];
                /** @description A role's full name, or its kind, such as `reader`. */
                readonly role_name: string;
            }[];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly RotatePasswordRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            /** @description The built-in user; the admin (DB_ADMIN_USER) when missing. */
            readonly username?: components["schemas"]["Username"];
            /**
             * @description Do nothing while the present password is younger: an ISO 8601 duration of weeks, days, hours, minutes and
             *     seconds. Without it, each call is a rotation.
             * @example P30D
             */
            readonly if_older_than?: string;
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly RemoveUserRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            /**
             * @description End its sessions and hand over what it owns.
             * @default false
             */
            readonly force?: boolean;
            readonly new_owner?: components["schemas"]["NewOwner"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        readonly OffboardUserRequest: {
            readonly project_id: components["schemas"]["ProjectId"];
            readonly region: components["schemas"]["Region"];
            readonly instance_name: components["schemas"]["InstanceName"];
            readonly database_name: components["schemas"]["DatabaseName"];
            readonly username: components["schemas"]["Username"];
            readonly new_owner?: components["schemas"]["NewOwner"];
            readonly dry_run?: components["schemas"]["DryRun"];
        };
        /**
         * @description The role that gets what the user owns, in every database; else the owner of the schema that it lies in, and the
         *     admin for all else.
         * @example app_owner
         */
        readonly NewOwner: string;
        readonly UserStep: {
            /**
             * @description Who does it.
             * @enum {string}
             */
            readonly kind: "sql" | "cloud_sql_api" | "secret" | "login";
            readonly description: string;
            /** @description The database of a step in SQL. */
            readonly database_name: string | null;
            /** @enum {string} */
            readonly outcome: "done" | "nothing_to_do" | "failed" | "not_attempted";
        };
        readonly UserPlan: components["schemas"]["Plan"] & {
            /** @description SQL statements and other steps, in the order in which they would be done. */
            readonly steps: readonly components["schemas"]["PlannedStep"][];
        };
        readonly PlannedStep: {
            /**
             * @description Who does it.
             * @enum {string}
             */
            readonly kind: "sql" | "cloud_sql_api" | "secret" | "login";
            readonly description: string;
            /** @description It takes away a privilege, a membership, an object or a user. */
            readonly destructive: boolean;
            /** @description The statement, of a step in SQL; secrets are hidden. */
            readonly sql?: string;
            /** @description The database of a step in SQL. */
            readonly database?: string;
            /** @description Its failure is reported and does not end the operation. */
            readonly optional?: boolean;
        };
        readonly UserChange: {
            /** @description As it was asked for. */
            readonly username: string;
            /** @description The name in PostgreSQL. */
            readonly normalized_username: string;
            /** @description Whether there was, or would be, anything to do. */
            readonly changed: boolean;
            /**
             * @description `running`: it goes on.
             * @enum {string}
             */
            readonly state: "succeeded" | "running";
            /** @description `null` when nothing was done. */
            readonly operation_id: string | null;
            /** @description What was done so far. */
            readonly steps: readonly components["schemas"]["UserStep"][];
            readonly plan?: components["schemas"]["UserPlan"];
            /** @description What cannot be reached from here. */
            readonly warnings: readonly string[];
        };
        readonly UserCreated: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & components["schemas"]["UserChange"] & {
            readonly user_type: components["schemas"]["AccountType"];
            /** @description Whether there was no such user before. */
            readonly created: boolean;
            /** @description The secret that holds a built-in user's password. */
            readonly secret_id: string | null;
        };
        readonly PasswordRotated: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & components["schemas"]["UserChange"] & {
            /** @description Whether it is the admin that this service logs in as. */
            readonly is_admin: boolean;
            /** @description The secret that holds the password. */
            readonly secret_id: string;
            /**
             * Format: date-time
             * @description Since when the present password is stored; of a dry run, the one that would be replaced.
             */
            readonly password_since: string | null;
        };
        readonly UserRemoved: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & components["schemas"]["UserChange"] & {
            /** @description Whether there was such a user. */
            readonly existed: boolean;
        };
        readonly OperationStatus: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly operation_id: string;
            /** @description The operation of this contract, such as `createUser`. */
            readonly action: string;
            /** @description The user that it is about. */
            readonly normalized_username: string;
            /** @description Who asked for it. */
            readonly actor: string;
            /** @enum {string} */
            readonly state: "running" | "succeeded" | "failed";
            /** @description Whether anything was changed so far. */
            readonly changed: boolean;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly updated_at: string;
            readonly steps: readonly components["schemas"]["UserStep"][];
            readonly warnings: readonly string[];
            /** @description Why it failed; repeating the call that began it goes on from there. */
            readonly failure: {
                readonly error_type: string;
                readonly message: string;
            } | null;
        };
        readonly Reconciliation: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly total_users: number;
            readonly findings: readonly {
                /** @enum {string} */
                readonly kind: "orphan_in_postgresql" | "orphan_in_cloud_sql" | "iam_user_cannot_login" | "login_without_grants" | "admin_is_iam_member";
                readonly username: string;
                readonly detail: string;
                /** @description What may mend it. */
                readonly remedy: string;
            }[];
        };
        readonly AccountList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            readonly users: readonly components["schemas"]["Account"][];
        };
        /**
         * @description What kind of user it is; `unknown` for a kind of Cloud SQL that this service does not know.
         * @enum {string}
         */
        readonly AccountType: "iam_user" | "iam_service_account" | "iam_group" | "built_in" | "unknown";
        readonly Account: {
            /** @description The name in PostgreSQL. */
            readonly username: string;
            readonly user_type: components["schemas"]["AccountType"];
            /**
             * @description `cannot_login`: PostgreSQL does not let it log in. `missing_in_postgresql`: Cloud SQL lists it, and there is
             *     no such role. `missing_in_cloud_sql`: a login that Cloud SQL does not list.
             * @enum {string}
             */
            readonly status: "active" | "cannot_login" | "missing_in_postgresql" | "missing_in_cloud_sql";
            /** @description The managed roles that it holds, directly or through others, by their database. */
            readonly memberships: readonly {
                readonly database_name: string;
                readonly roles: readonly string[];
            }[];
            /** @description The other roles that it holds, but for cloudsqliamuser and its like. */
            readonly other_roles: readonly string[];
            /** @description Its sessions now, in all databases. */
            readonly sessions: number;
            /**
             * Format: date-time
             * @description The last thing known of the sessions that it has now; `null` when it has none, or the admin may not see it.
             */
            readonly last_activity: string | null;
        };
        /** @description Totals over all connection pools of this process. */
        readonly PoolTotals: {
            /** @description Pools, one per target in use; one that holds nothing is closed. */
            readonly pools: number;
            /** @description Open connections. */
            readonly size: number;
            /** @description Connections in use. */
            readonly checked_out: number;
            /** @description Connections that are free. */
            readonly checked_in: number;
            /** @description Requests that wait for a connection. */
            readonly waiting: number;
            /** @description Connections above the pools' regular size. */
            readonly overflow: number;
            /** @description The most connections that the present pools may hold together. */
            readonly limit: number;
            /** @description checked_out / limit; 0 when there is no pool. */
            readonly utilization: number;
        };
        readonly ServiceHealth: components["schemas"]["Envelope"] & {
            /**
             * @description Whether callers are served as they should be.
             * @enum {string}
             */
            readonly status: "healthy" | "degraded";
            /** @description The service's name. */
            readonly service: string;
            /** @description The service's version. */
            readonly version: string;
            /**
             * Format: date-time
             * @description The service's clock.
             */
            readonly timestamp: string;
            /** @description Seconds since the process started. */
            readonly uptime_seconds: number;
            readonly pools: components["schemas"]["PoolTotals"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        /**
         * @description What a command is for: one database (all four fields), the databases of an instance (without `database_name`), or
         *     everything (none of the four).
         */
        readonly PoolsScopeRequest: {
            readonly project_id?: components["schemas"]["ProjectId"];
            readonly region?: components["schemas"]["Region"];
            readonly instance_name?: components["schemas"]["InstanceName"];
            readonly database_name?: components["schemas"]["DatabaseName"];
        };
        /**
         * @description What a command is for: one database (all four fields), the databases of an instance (without `database_name`), or
         *     everything (none of the four).
         */
        readonly PoolsRequest: {
            readonly project_id?: components["schemas"]["ProjectId"];
            readonly region?: components["schemas"]["Region"];
            readonly instance_name?: components["schemas"]["InstanceName"];
            readonly database_name?: components["schemas"]["DatabaseName"];
            /**
             * @description How long the answer may wait for the end of what runs. The command goes on after that.
             * @default 10
             */
            readonly wait_seconds?: number;
        };
        readonly Pool: {
            /** @description The project. */
            readonly project_id: string;
            /** @description The region. */
            readonly region: string;
            /** @description The instance. */
            readonly instance_name: string;
            /** @description The database. */
            readonly database_name: string;
            /**
             * @description `idle` holds nothing; `pausing` and `draining` still wait for connections in use.
             * @enum {string}
             */
            readonly state: "idle" | "active" | "pausing" | "paused" | "draining";
            /** @description Requests that have a connection; reads that came together may share one. */
            readonly cl_active: number;
            /** @description Requests that wait for one. */
            readonly cl_waiting: number;
            /** @description Connections in use. */
            readonly sv_active: number;
            /** @description Connections that are free. */
            readonly sv_idle: number;
            /** @description Connections that are being opened. */
            readonly sv_connecting: number;
            /** @description How long the first in the queue has waited, in seconds. */
            readonly maxwait: number;
            /** @description Connections, with those that are being opened and those that are being closed. */
            readonly size: number;
            /** @description The same as `sv_idle`. */
            readonly checked_in: number;
            /** @description The same as `sv_active`. */
            readonly checked_out: number;
            /** @description Connections above CONNECTION_POOL_SIZE. */
            readonly overflow: number;
            readonly totals: components["schemas"]["PoolHistory"];
        };
        /** @description Since the process started, or since MAX_POOLS made the pool give way. */
        readonly PoolHistory: {
            /** @description Connections asked for. */
            readonly requests: number;
            /** @description Waiting for connections, in seconds. */
            readonly wait_time: number;
            /** @description Connections in use, in seconds. */
            readonly query_time: number;
            /** @description Requests that failed by the database or a connection. */
            readonly errors: number;
        };
        /** @description One database, an instance, or everything when it is empty. */
        readonly PoolScope: {
            /** @description The project. */
            readonly project_id?: string;
            /** @description The region. */
            readonly region?: string;
            /** @description The instance. */
            readonly instance_name?: string;
            /** @description The database. */
            readonly database_name?: string;
        };
        readonly PoolList: components["schemas"]["Envelope"] & {
            /** @description One for each database in use. */
            readonly pools: readonly components["schemas"]["Pool"][];
            /** @description What is paused, whether it has pools or not. */
            readonly paused: readonly components["schemas"]["PoolScope"][];
            readonly totals: components["schemas"]["PoolTotals"];
        };
        readonly PoolsCommanded: components["schemas"]["Envelope"] & components["schemas"]["PoolScope"] & {
            /** @description Whether the last connection that was to go has gone. */
            readonly complete: boolean;
            /** @description The pools of what was named, as they are now. */
            readonly pools: readonly components["schemas"]["Pool"][];
        };
        readonly PoolsReloaded: components["schemas"]["PoolsCommanded"] & {
            /** @description The settings that are others than before. */
            readonly settings_changed: readonly {
                /** @description The setting. */
                readonly name: string;
                /** @description What it was, as written. */
                readonly from: string;
                /** @description What it is now, as written. */
                readonly to: string;
            }[];
        };
        readonly SchemaList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description Names of the schemas, sorted. */
            readonly schemas: readonly string[];
        };
        readonly TableList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema. */
            readonly schema_name: string;
            /** @description Sorted by name. */
            readonly tables: readonly components["schemas"]["Table"][];
        };
        readonly Table: {
            /** @description The name without the schema. */
            readonly table_name: string;
            /**
             * @description A partitioned table is a BASE TABLE, as in information_schema.
             * @enum {string}
             */
            readonly table_type: "BASE TABLE" | "VIEW" | "MATERIALIZED VIEW" | "FOREIGN TABLE";
            /** @description The planner's estimate; null when there is none. */
            readonly row_count: number | null;
            /** @description Bytes on disk, with indexes and TOAST, of all partitions. */
            readonly size_bytes: number;
            /** @description Whether the table is partitioned. */
            readonly partitioned: boolean;
            /** @description Partitions that hold rows, on all levels. */
            readonly partition_count: number;
        };
        readonly DatabaseHealth: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /**
             * @description See the warnings for the reasons.
             * @enum {string}
             */
            readonly status: "healthy" | "degraded" | "unhealthy";
            /** @description Time to get a connection and a first answer, in milliseconds. */
            readonly connection_time_ms: number;
            readonly database_info: components["schemas"]["DatabaseInfo"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        /** @description What could be read; null is for what could not, in an unhealthy database only. */
        readonly DatabaseInfo: {
            /** @description PostgreSQL's version. */
            readonly version: string;
            /** @description PostgreSQL's version as a number. */
            readonly version_num: number;
            /** @description How long the server has been up, for people. */
            readonly uptime: string | null;
            /** @description How long the server has been up. */
            readonly uptime_seconds: number | null;
            /** @description Sessions that run a statement. */
            readonly active_connections: number | null;
            /** @description All sessions of clients. */
            readonly total_connections: number | null;
            /** @description The server's limit. */
            readonly max_connections: number | null;
            /** @description The database's size on disk. */
            readonly database_size_bytes: number | null;
            /** @description Whether this is a replica. */
            readonly in_recovery: boolean | null;
        };
        readonly SchemaCreated: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema. */
            readonly schema_name: string;
            /** @description The role that owns it. */
            readonly owner: string;
            /** @description False when it was there already. In a dry run, whether it would be created. */
            readonly created: boolean;
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly RolesInitialized: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema. */
            readonly schema_name: string;
            readonly roles_created: components["schemas"]["Names"];
            readonly roles_updated: components["schemas"]["Names"];
            readonly roles_skipped: components["schemas"]["Names"];
            /** @description Roles of the template. */
            readonly total_roles: number;
            /** @description The id of the target's document in the registry. */
            readonly firebase_document_id: string;
            /** @description The template by which they were made. */
            readonly template: string;
            /** @description The version of it. */
            readonly template_version: string;
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly RolesStatus: components["schemas"]["Envelope"] & {
            /** @description The target's project. */
            readonly project_id: string;
            /** @description The target's region; absent when it was not given and nothing is recorded. */
            readonly region?: string;
            /** @description The target's instance. */
            readonly instance_name: string;
            /** @description The target's database. */
            readonly database_name: string;
            /** @description Whether anything is recorded. */
            readonly roles_initialized: boolean;
            /**
             * Format: date-time
             * @description When it was first recorded.
             */
            readonly created_at: string | null;
            /** @description Who asked for it first. */
            readonly created_by: string | null;
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            readonly last_updated: string | null;
            /** @description Number of recorded roles. */
            readonly total_roles: number;
            /** @description The recorded roles by name. */
            readonly roles_definitions: {
                readonly [key: string]: components["schemas"]["RoleDefinition"];
            };
            /** @description Number of history entries. */
            readonly total_history_entries: number;
            /** @description The id of the target's document in the registry. */
            readonly firebase_document_id?: string;
        };
        readonly RoleDefinition: {
            /** @description The template's version that the role was made from. */
            readonly version: string;
            /**
             * @description Degraded: something of its definition could not be granted here.
             * @enum {string}
             */
            readonly status: "active" | "degraded";
            /** @description SHA-256 of the role's definition. */
            readonly checksum: string;
        };
        readonly MembershipChanged: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema. */
            readonly schema_name: string;
            /** @description The user as it was given. */
            readonly username: string;
            /** @description The user's name in PostgreSQL. */
            readonly normalized_username: string;
            /** @description The role's full name. */
            readonly role_name: string;
            /** @description False when it was so already. In a dry run, whether it would change. */
            readonly changed: boolean;
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly UserList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema. */
            readonly schema_name: string;
            /** @description Sorted by name. */
            readonly users: readonly components["schemas"]["User"][];
            /** @description Names of the system's users that were left out, sorted. */
            readonly system_users_excluded: readonly string[];
        };
        readonly User: {
            /** @description The user's name in PostgreSQL. */
            readonly username: string;
            readonly roles: components["schemas"]["Names"];
            /** @description Whether it is an IAM user, service account or group. */
            readonly is_iam_user: boolean;
            /**
             * @description What kind of user it is.
             * @enum {string}
             */
            readonly user_type: "iam_user" | "iam_service_account" | "iam_group" | "built_in" | "system";
            /** @description What the user may do in the schema, such as USAGE and CREATE. */
            readonly permissions: readonly string[];
            /** @description What the user may do in the instance. */
            readonly privileges: {
                /** @description It may connect. */
                readonly can_login: boolean;
                /** @description It is a superuser. */
                readonly is_superuser: boolean;
                /** @description It may create databases. */
                readonly can_create_db: boolean;
                /** @description It may create roles. */
                readonly can_create_role: boolean;
            };
        };
        readonly RoleList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema, or null when none was given. */
            readonly schema_name: string | null;
            /** @description Names of the roles, sorted. */
            readonly roles: readonly string[];
        };
        readonly DriftReport: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The schema, or null when none was given. */
            readonly schema_name: string | null;
            /** @description The schemas that were compared. */
            readonly schemas: readonly string[];
            /** @description True when there is no difference. */
            readonly in_sync: boolean;
            /**
             * @description full: everything was compared. fingerprint: the catalog, the template and the registry are as they were when everything was compared and found in sync.
             * @enum {string}
             */
            readonly checked: "fingerprint" | "full";
            readonly drift: readonly {
                /** @enum {string} */
                readonly kind: "missing" | "extra" | "changed_definition" | "foreign_grantor" | "membership_options" | "owner_changed" | "role_dropped" | "role_renamed" | "uncovered_creator";
                /** @description The managed role, or null when it is about all of a schema's. */
                readonly role: string | null;
                /** @description What differs, for people. */
                readonly object: string;
                /** @description How it differs, and why it is not repaired where `repair` is empty. */
                readonly detail: string;
                /** @description SQL that the admin would run in this order, rights taken and given back included. */
                readonly repair: readonly string[];
            }[];
            /** @description What the instance does not allow and the registry knows as degraded. */
            readonly warnings: readonly string[];
        };
        readonly Explanation: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The privilege. */
            readonly privilege: string;
            /** @description Whether the right to grant it on was asked for. */
            readonly with_grant_option: boolean;
            /** @description The kind of object. */
            readonly object_type: string;
            /** @description The object as it was given. */
            readonly object: string;
            /** @description Its name in PostgreSQL, or null when none was given. */
            readonly principal: string | null;
            /** @description Whether the principal has the privilege; without one, whether anybody has. */
            readonly allowed: boolean;
            /** @description By which paths, the shortest first; empty without a principal. */
            readonly paths: readonly components["schemas"]["PrivilegePath"][];
            /** @description Whether there are more paths than are listed. */
            readonly paths_truncated: boolean;
            /** @description Roles to which a principal that is not allowed may SET ROLE to have the privilege. */
            readonly set_roles: readonly string[];
            readonly schema_usage: components["schemas"]["SchemaUsage"];
            /** @description Everybody who has it, sorted by name, `public` first. Only without a principal. */
            readonly principals?: readonly components["schemas"]["AllowedPrincipal"][];
        };
        /**
         * @description Whether the principal has USAGE on the object's schema, without which the privilege is of no use; null for an
         *     object that is in none, and without a principal.
         */
        readonly SchemaUsage: boolean | null;
        readonly AllowedPrincipal: {
            /** @description A role, or `public`, which is everybody. */
            readonly principal: string;
            /** @description It may connect. */
            readonly can_login: boolean;
            readonly schema_usage: components["schemas"]["SchemaUsage"];
            readonly path: components["schemas"]["PrivilegePath"];
        };
        readonly PrivilegePath: {
            /**
             * @description Why the holder has it.
             * @enum {string}
             */
            readonly kind: "superuser" | "ownership" | "acl" | "predefined_role" | "public";
            /** @description The memberships on the way, from the principal to the holder. */
            readonly via: readonly components["schemas"]["MembershipStep"][];
            /** @description Who holds the privilege, or `public`. */
            readonly holder: string;
            /** @description What it is held on; the table, where it covers a column. */
            readonly granted_on: string;
            /** @description Who granted it, by the ACL. */
            readonly grantors: readonly string[];
        };
        readonly MembershipStep: {
            /** @description The role. */
            readonly role: string;
            /** @description Its direct member. */
            readonly member: string;
            /** @description The member has the role's privileges at once. */
            readonly inherit: boolean;
            /** @description The member may SET ROLE to the role. */
            readonly set: boolean;
            /** @description The member may grant the role to others. */
            readonly admin: boolean;
            /** @description Who granted the membership. */
            readonly grantors: readonly string[];
            /** @description That of the database's owner in `pg_database_owner`, which nobody granted. */
            readonly implied: boolean;
        };
        readonly HistoryList: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description Newest first. */
            readonly entries: readonly components["schemas"]["HistoryEntry"][];
            /** @description Of the whole history, filtered or not. */
            readonly total_entries: number;
            /** @description `before` of the next page; null on the last. */
            readonly next_before: number | null;
        };
        readonly HistoryEntry: {
            /** @description The id of the target's document in the registry. */
            readonly document_id: string;
            /** @description 1, 2, 3 and so on. */
            readonly sequence: number;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            readonly at: string;
            /** @description Who asked for it. */
            readonly actor: string;
            /** @description The request's id, as in the logs. */
            readonly request_id: string;
            /** @description The operation. */
            readonly action: string;
            /**
             * @description What became of it.
             * @enum {string}
             */
            readonly outcome: "succeeded" | "failed";
            /** @description For people: what was done, or why it failed. */
            readonly summary: string;
            /** @description PostgreSQL's error code, when it failed. */
            readonly sqlstate: string | null;
            /** @description The user that it was about. */
            readonly username: string | null;
            /** @description The role that it was about. */
            readonly role_name: string | null;
            /** @description The schema that it was about. */
            readonly schema_name: string | null;
            /** @description The statements that ran; the first of them where an entry cannot hold them all. */
            readonly statements: readonly components["schemas"]["RecordedStatement"][];
            /** @description The id of the plan that was run, as its dry run answers it. */
            readonly plan_id?: string;
            /** @description The registry's revision before the entry. */
            readonly revision_before?: number;
            /** @description The registry's revision with the entry. */
            readonly revision_after?: number;
            /** @description The templates of the target's roles before, such as `standard 1.0.0`. */
            readonly templates_before?: readonly string[];
            /** @description The templates of the target's roles after. */
            readonly templates_after?: readonly string[];
            /** @description SHA-256 of what was kept with the entry: the managed state after the change. */
            readonly state_after?: string;
            /** @description How many statements there were. */
            readonly statements_total: number;
            /** @description The hash of the entry before; 64 zeros in the first. */
            readonly previous_hash: string;
            /** @description SHA-256 of the other fields as canonical JSON (RFC 8785) in lower-case hex. */
            readonly hash: string;
        };
        readonly RecordedStatement: {
            /** @description What the statement is for. */
            readonly description: string;
            /** @description The statement; secrets are hidden. */
            readonly sql: string;
            /** @description The database that it ran in. */
            readonly database: string;
            /** @description Its failure is reported and does not end the operation. */
            readonly optional: boolean;
            /** @description It takes away a privilege, a membership or an object. */
            readonly destructive: boolean;
            /**
             * @description What became of it; missing in entries of earlier versions of the service. rolled_back: it ran, and a later failure undid it. not_run: an earlier one failed. unknown: the connection was lost during COMMIT.
             * @enum {string}
             */
            readonly outcome?: "succeeded" | "failed" | "rolled_back" | "not_run" | "unknown";
            /** @description PostgreSQL's error code, when it failed. */
            readonly sqlstate?: string;
            /** @description How many rows it changed, where it changed some. */
            readonly rows?: number;
            /** @description The codes of the server's notices. */
            readonly notices?: readonly string[];
        };
        readonly HistoryVerified: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description Whether nothing was changed or taken away. */
            readonly intact: boolean;
            /** @description Entries, from the first on, that are in order. */
            readonly entries_verified: number;
            /** @description The sequence number of the entry where the chain breaks. */
            readonly broken_at: number | null;
            /** @description For people: what is wrong with that entry. */
            readonly problem: string | null;
        };
        readonly InheritanceGranted: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The user as it was given. */
            readonly username: string;
            /** @description The user's name in PostgreSQL. */
            readonly normalized_username: string;
            /** @description Whether it was so already. */
            readonly already_granted: boolean;
            /**
             * @description on_demand: the admin takes the membership inside each transaction that needs it.
             * @enum {string}
             */
            readonly mode: "on_demand" | "standing";
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly InheritanceRevoked: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The user as it was given. */
            readonly username: string;
            /** @description The user's name in PostgreSQL. */
            readonly normalized_username: string;
            /** @description Whether there was nothing to revoke. */
            readonly already_revoked: boolean;
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly UserCleanedUp: components["schemas"]["Envelope"] & components["schemas"]["TargetFields"] & {
            /** @description The user as it was given. */
            readonly username: string;
            /** @description The user's name in PostgreSQL. */
            readonly normalized_username: string;
            /** @description The schema that it was limited to, or null. */
            readonly schema_name: string | null;
            /** @description Whether anything changed its owner. */
            readonly ownership_transferred: boolean;
            /** @description Whether anything was revoked. */
            readonly permissions_revoked: boolean;
            /** @description Whether anything was dropped. */
            readonly objects_dropped: boolean;
            /** @description What was done in each database of the instance. */
            readonly databases: readonly components["schemas"]["DatabaseCleanup"][];
            readonly plan?: components["schemas"]["Plan"];
            readonly warnings: components["schemas"]["Warnings"];
        };
        readonly DatabaseCleanup: {
            /** @description The database. */
            readonly database_name: string;
            /**
             * @description What became of it.
             * @enum {string}
             */
            readonly outcome: "done" | "nothing_to_do" | "failed" | "not_attempted" | "planned";
            /** @description Objects that changed their owner. */
            readonly ownership_transferred: number;
            /** @description Grants that were revoked. */
            readonly permissions_revoked: number;
            /** @description Objects that were dropped. */
            readonly objects_dropped: number;
            /** @description PostgreSQL's error code, when it failed. */
            readonly sqlstate?: string;
            /** @description For people: more about the outcome. */
            readonly detail?: string;
        };
        /** @description A failure as RFC 9457 describes it, with the members that existing clients read beside. */
        readonly Problem: {
            /**
             * Format: uri-reference
             * @description The kind of failure; leads to its description.
             */
            readonly type: string;
            /** @description The kind of failure, for people. */
            readonly title: string;
            /** @description The HTTP status. */
            readonly status: number;
            /** @description What failed this time. */
            readonly detail: string;
            /**
             * Format: uri-reference
             * @description The path and the request's id.
             */
            readonly instance: string;
            /**
             * @description Always false in a failure.
             * @constant
             */
            readonly success: false;
            readonly error_type: components["schemas"]["ErrorType"];
            /** @description The same as `detail`. */
            readonly message: string;
            /** @description More for programs, such as `resource` or `sqlstate`. */
            readonly details: {
                readonly [key: string]: unknown;
            };
            /** @description The single faults of a request that is not valid. */
            readonly errors?: readonly components["schemas"]["FieldFault"][];
            /** @description How long the service took, in seconds. */
            readonly execution_time_seconds: number;
            /** @description The request's id, as in the logs. */
            readonly request_id: string;
        };
        readonly FieldFault: {
            /** @description Where (RFC 6901); empty for the body as a whole. */
            readonly pointer: string;
            /** @description What is wrong there. */
            readonly detail: string;
        };
        /**
         * @description The kind of failure. Each kind has one status.
         * @enum {string}
         */
        readonly ErrorType: "validation_error" | "authentication_error" | "permission_error" | "not_found" | "method_not_allowed" | "conflict" | "payload_too_large" | "unsupported_media_type" | "too_many_requests" | "database_error" | "internal_error" | "unavailable" | "timeout";
    };
    responses: {
        /** @description The operation failed. The status says what kind of failure it was, and so does `error_type`. */
        readonly Problem: {
            headers: {
                /** @description Seconds after which to try again, with 429 and 503. */
                readonly "Retry-After"?: number;
                readonly [name: string]: unknown;
            };
            content: {
                readonly "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly getServiceHealth: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The service answers. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The service is healthy",
                     *       "status": "healthy",
                     *       "service": "Cloud SQL PostgreSQL Manager",
                     *       "version": "1.0.0",
                     *       "timestamp": "2026-11-21T09:30:00.000Z",
                     *       "uptime_seconds": 86.4,
                     *       "pools": {
                     *         "pools": 2,
                     *         "size": 3,
                     *         "checked_out": 1,
                     *         "checked_in": 2,
                     *         "waiting": 0,
                     *         "overflow": 0,
                     *         "limit": 60,
                     *         "utilization": 0.0167
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0001
                     *     }
                     */
                    readonly "application/json": components["schemas"]["ServiceHealth"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly getOpenapi: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The OpenAPI document. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0",
                     *       "info": {
                     *         "title": "Cloud SQL PostgreSQL Manager",
                     *         "version": "1.0.0"
                     *       },
                     *       "paths": {}
                     *     }
                     */
                    readonly "application/json": {
                        /** @description The version of the OpenAPI specification. */
                        readonly openapi: string;
                        /** @description Title and version. */
                        readonly info: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The operations. */
                        readonly paths: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly getDocs: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The page. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /** @example <!doctype html><title>Cloud SQL PostgreSQL Manager</title> */
                    readonly "text/html": string;
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listSchemas: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description The schemas. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 3 schemas",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schemas": [
                     *         "app",
                     *         "public",
                     *         "sales"
                     *       ],
                     *       "execution_time_seconds": 0.0042
                     *     }
                     */
                    readonly "application/json": components["schemas"]["SchemaList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listTables: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app"
                 *     }
                 */
                readonly "application/json": components["schemas"]["SchemaRequest"];
            };
        };
        readonly responses: {
            /** @description The tables. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 2 tables in schema app",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "tables": [
                     *         {
                     *           "table_name": "customers",
                     *           "table_type": "BASE TABLE",
                     *           "row_count": 500,
                     *           "size_bytes": 98304,
                     *           "partitioned": false,
                     *           "partition_count": 0
                     *         },
                     *         {
                     *           "table_name": "recent_customers",
                     *           "table_type": "VIEW",
                     *           "row_count": null,
                     *           "size_bytes": 0,
                     *           "partitioned": false,
                     *           "partition_count": 0
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0063
                     *     }
                     */
                    readonly "application/json": components["schemas"]["TableList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly checkDatabaseHealth: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description What was found. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The database is healthy",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "status": "healthy",
                     *       "connection_time_ms": 3.2,
                     *       "database_info": {
                     *         "version": "17.10",
                     *         "version_num": 170010,
                     *         "uptime": "5 days, 12 hours",
                     *         "uptime_seconds": 475200,
                     *         "active_connections": 1,
                     *         "total_connections": 7,
                     *         "max_connections": 100,
                     *         "database_size_bytes": 8765432,
                     *         "in_recovery": false
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0081
                     *     }
                     */
                    readonly "application/json": components["schemas"]["DatabaseHealth"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly createSchema: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app"
                 *     }
                 */
                readonly "application/json": components["schemas"]["CreateSchemaRequest"];
            };
        };
        readonly responses: {
            /** @description The schema exists. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Created schema app",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "owner": "postgres",
                     *       "created": true,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0129
                     *     }
                     */
                    readonly "application/json": components["schemas"]["SchemaCreated"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly initializeRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app"
                 *     }
                 */
                readonly "application/json": components["schemas"]["InitializeRolesRequest"];
            };
        };
        readonly responses: {
            /** @description The roles exist. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "6 roles created, 0 updated, 0 skipped",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "roles_created": [
                     *         "orders_app_reader",
                     *         "orders_app_writer",
                     *         "orders_app_admin",
                     *         "orders_app_analyst",
                     *         "orders_monitor",
                     *         "orders_dba_agent"
                     *       ],
                     *       "roles_updated": [],
                     *       "roles_skipped": [],
                     *       "total_roles": 6,
                     *       "firebase_document_id": "demo-project~europe-west1~orders-db~orders",
                     *       "template": "standard",
                     *       "template_version": "1.0.0",
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.1518
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesInitialized"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly getRolesStatus: {
        readonly parameters: {
            readonly query: {
                /**
                 * @description The project.
                 * @example demo-project
                 */
                readonly project_id: components["schemas"]["ProjectId"];
                /**
                 * @description The region; left out, the instance is looked for by its name.
                 * @example europe-west1
                 */
                readonly region?: components["schemas"]["Region"];
                /**
                 * @description The instance.
                 * @example orders-db
                 */
                readonly instance_name: components["schemas"]["InstanceName"];
                /**
                 * @description The database.
                 * @example orders
                 */
                readonly database_name: components["schemas"]["DatabaseName"];
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The record, or that there is none. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 role is recorded",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "roles_initialized": true,
                     *       "created_at": "2026-11-21T09:30:00.000Z",
                     *       "created_by": "anonymous",
                     *       "last_updated": "2026-11-21T09:31:00.000Z",
                     *       "total_roles": 1,
                     *       "roles_definitions": {
                     *         "orders_app_reader": {
                     *           "version": "1.0.0",
                     *           "status": "active",
                     *           "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
                     *         }
                     *       },
                     *       "total_history_entries": 2,
                     *       "firebase_document_id": "demo-project~europe-west1~orders-db~orders",
                     *       "execution_time_seconds": 0.0048
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesStatus"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly assignRole: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app",
                 *       "username": "alice@example.com",
                 *       "role_name": "reader"
                 *     }
                 */
                readonly "application/json": components["schemas"]["MembershipRequest"];
            };
        };
        readonly responses: {
            /** @description The user holds the role. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "alice@example.com now holds orders_app_reader",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "username": "alice@example.com",
                     *       "normalized_username": "alice@example.com",
                     *       "role_name": "orders_app_reader",
                     *       "changed": true,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0211
                     *     }
                     */
                    readonly "application/json": components["schemas"]["MembershipChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly revokeRole: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app",
                 *       "username": "alice@example.com",
                 *       "role_name": "orders_app_reader"
                 *     }
                 */
                readonly "application/json": components["schemas"]["MembershipRequest"];
            };
        };
        readonly responses: {
            /** @description The user does not hold the role. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "alice@example.com no longer holds orders_app_reader",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "username": "alice@example.com",
                     *       "normalized_username": "alice@example.com",
                     *       "role_name": "orders_app_reader",
                     *       "changed": true,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0198
                     *     }
                     */
                    readonly "application/json": components["schemas"]["MembershipChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listUsers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app"
                 *     }
                 */
                readonly "application/json": components["schemas"]["SchemaRequest"];
            };
        };
        readonly responses: {
            /** @description The users. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 user",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "users": [
                     *         {
                     *           "username": "alice@example.com",
                     *           "roles": [
                     *             "orders_app_reader"
                     *           ],
                     *           "is_iam_user": true,
                     *           "user_type": "iam_user",
                     *           "permissions": [
                     *             "USAGE"
                     *           ],
                     *           "privileges": {
                     *             "can_login": true,
                     *             "is_superuser": false,
                     *             "can_create_db": false,
                     *             "can_create_role": false
                     *           }
                     *         }
                     *       ],
                     *       "system_users_excluded": [
                     *         "cloudsqladmin",
                     *         "postgres"
                     *       ],
                     *       "execution_time_seconds": 0.0093
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["ListRolesRequest"];
            };
        };
        readonly responses: {
            /** @description The roles. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 2 roles",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": null,
                     *       "roles": [
                     *         "orders_app_reader",
                     *         "orders_app_writer"
                     *       ],
                     *       "execution_time_seconds": 0.0051
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly explainPrivilege: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "principal": "alice@example.com",
                 *       "privilege": "SELECT",
                 *       "object_type": "table",
                 *       "object": "app.orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["ExplainRequest"];
            };
        };
        readonly responses: {
            /** @description Whether, and by which paths; or everybody. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "alice@example.com has SELECT on table app.orders, by 1 path",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "privilege": "SELECT",
                     *       "with_grant_option": false,
                     *       "object_type": "table",
                     *       "object": "app.orders",
                     *       "principal": "alice@example.com",
                     *       "allowed": true,
                     *       "paths": [
                     *         {
                     *           "kind": "acl",
                     *           "via": [
                     *             {
                     *               "role": "orders_app_reader",
                     *               "member": "alice@example.com",
                     *               "inherit": true,
                     *               "set": true,
                     *               "admin": false,
                     *               "grantors": [
                     *                 "postgres"
                     *               ],
                     *               "implied": false
                     *             }
                     *           ],
                     *           "holder": "orders_app_reader",
                     *           "granted_on": "table",
                     *           "grantors": [
                     *             "app_owner"
                     *           ]
                     *         }
                     *       ],
                     *       "paths_truncated": false,
                     *       "set_roles": [],
                     *       "schema_usage": true,
                     *       "execution_time_seconds": 0.0084
                     *     }
                     */
                    readonly "application/json": components["schemas"]["Explanation"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listHistory: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "alice@example.com",
                 *       "since": "2026-11-01T00:00:00Z",
                 *       "limit": 20
                 *     }
                 */
                readonly "application/json": components["schemas"]["HistoryRequest"];
            };
        };
        readonly responses: {
            /** @description The entries. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 entry",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "entries": [
                     *         {
                     *           "document_id": "demo-project~europe-west1~orders-db~orders",
                     *           "sequence": 2,
                     *           "at": "2026-11-21T09:31:00.000Z",
                     *           "actor": "anonymous",
                     *           "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                     *           "action": "assignRole",
                     *           "outcome": "succeeded",
                     *           "summary": "assign orders_app_reader to alice@example.com",
                     *           "sqlstate": null,
                     *           "username": "alice@example.com",
                     *           "role_name": "orders_app_reader",
                     *           "schema_name": "app",
                     *           "statements": [
                     *             {
                     *               "description": "Make alice@example.com a member of orders_app_reader",
                     *               "sql": "GRANT \"orders_app_reader\" TO \"alice@example.com\"",
                     *               "database": "orders",
                     *               "optional": false,
                     *               "destructive": false
                     *             }
                     *           ],
                     *           "statements_total": 1,
                     *           "previous_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *           "hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
                     *         }
                     *       ],
                     *       "total_entries": 2,
                     *       "next_before": null,
                     *       "execution_time_seconds": 0.0121
                     *     }
                     */
                    readonly "application/json": components["schemas"]["HistoryList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly verifyHistory: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description What was found. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The history is intact, 2 entries",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "intact": true,
                     *       "entries_verified": 2,
                     *       "broken_at": null,
                     *       "problem": null,
                     *       "execution_time_seconds": 0.0103
                     *     }
                     */
                    readonly "application/json": components["schemas"]["HistoryVerified"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly planRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "mode": "adopt",
                 *       "state": {
                 *         "templates": [
                 *           {
                 *             "name": "standard",
                 *             "schema": "app"
                 *           }
                 *         ],
                 *         "roles": [
                 *           {
                 *             "name": "reporting"
                 *           }
                 *         ],
                 *         "memberships": [
                 *           {
                 *             "role": "orders_app_reader",
                 *             "member": "alice@example.com"
                 *           },
                 *           {
                 *             "role": "orders_app_reader",
                 *             "member": "reporting",
                 *             "set": false
                 *           }
                 *         ],
                 *         "grants": [
                 *           {
                 *             "grantee": "reporting",
                 *             "object_type": "table",
                 *             "schema": "app",
                 *             "objects": [
                 *               "customers"
                 *             ],
                 *             "columns": [
                 *               "id",
                 *               "email"
                 *             ],
                 *             "privileges": [
                 *               "SELECT"
                 *             ]
                 *           }
                 *         ],
                 *         "public_revocations": [
                 *           {
                 *             "object_type": "schema",
                 *             "schema": "public",
                 *             "privileges": [
                 *               "CREATE"
                 *             ]
                 *           }
                 *         ]
                 *       }
                 *     }
                 */
                readonly "application/json": components["schemas"]["PlanRolesRequest"];
            };
        };
        readonly responses: {
            /** @description The plan; without statements when the database is as it should be. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 statement, 0 of them destructive",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "mode": "adopt",
                     *       "plan": {
                     *         "plan_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *         "statements": [
                     *           {
                     *             "description": "Create role reporting",
                     *             "sql": "CREATE ROLE \"reporting\" NOLOGIN NOCREATEDB NOCREATEROLE INHERIT",
                     *             "database": "orders",
                     *             "optional": false,
                     *             "destructive": false
                     *           }
                     *         ]
                     *       },
                     *       "summary": {
                     *         "roles": 1,
                     *         "schemas": 0,
                     *         "memberships": 0,
                     *         "privileges": 0,
                     *         "default_privileges": 0,
                     *         "destructive": 0,
                     *         "total": 1
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0831
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesPlanned"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly applyRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "mode": "adopt",
                 *       "state": {
                 *         "templates": [
                 *           {
                 *             "name": "standard",
                 *             "schema": "app"
                 *           }
                 *         ],
                 *         "roles": [
                 *           {
                 *             "name": "reporting"
                 *           }
                 *         ],
                 *         "memberships": [
                 *           {
                 *             "role": "orders_app_reader",
                 *             "member": "alice@example.com"
                 *           },
                 *           {
                 *             "role": "orders_app_reader",
                 *             "member": "reporting",
                 *             "set": false
                 *           }
                 *         ],
                 *         "grants": [
                 *           {
                 *             "grantee": "reporting",
                 *             "object_type": "table",
                 *             "schema": "app",
                 *             "objects": [
                 *               "customers"
                 *             ],
                 *             "columns": [
                 *               "id",
                 *               "email"
                 *             ],
                 *             "privileges": [
                 *               "SELECT"
                 *             ]
                 *           }
                 *         ],
                 *         "public_revocations": [
                 *           {
                 *             "object_type": "schema",
                 *             "schema": "public",
                 *             "privileges": [
                 *               "CREATE"
                 *             ]
                 *           }
                 *         ]
                 *       }
                 *     }
                 */
                readonly "application/json": components["schemas"]["ApplyRolesRequest"];
            };
        };
        readonly responses: {
            /** @description The database is as it should be. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 statement run",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "mode": "adopt",
                     *       "changed": true,
                     *       "plan_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *       "statements": [
                     *         {
                     *           "description": "Create role reporting",
                     *           "sql": "CREATE ROLE \"reporting\" NOLOGIN NOCREATEDB NOCREATEROLE INHERIT",
                     *           "database": "orders",
                     *           "optional": false,
                     *           "destructive": false,
                     *           "outcome": "succeeded"
                     *         }
                     *       ],
                     *       "summary": {
                     *         "roles": 1,
                     *         "schemas": 0,
                     *         "memberships": 0,
                     *         "privileges": 0,
                     *         "default_privileges": 0,
                     *         "destructive": 0,
                     *         "total": 1
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.1312
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesApplied"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly importRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description The state, in its one form. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 schema, 1 role, 1 membership, 0 grants",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "state": {
                     *         "schemas": [
                     *           {
                     *             "name": "app",
                     *             "owner": "app_owner"
                     *           }
                     *         ],
                     *         "templates": [],
                     *         "roles": [
                     *           {
                     *             "name": "app_owner"
                     *           }
                     *         ],
                     *         "memberships": [
                     *           {
                     *             "role": "app_owner",
                     *             "member": "alice@example.com",
                     *             "inherit": true,
                     *             "set": true,
                     *             "admin": false
                     *           }
                     *         ],
                     *         "grants": [],
                     *         "public_revocations": []
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0412
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesImported"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly rollbackRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "sequence": 1
                 *     }
                 */
                readonly "application/json": components["schemas"]["RollbackRolesRequest"];
            };
        };
        readonly responses: {
            /** @description The plan; or what became of it, when `dry_run` is false. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 statement, 1 of them destructive",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "sequence": 1,
                     *       "changed": true,
                     *       "plan_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *       "plan": {
                     *         "plan_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *         "statements": [
                     *           {
                     *             "description": "End the membership of alice@example.com in orders_app_reader that postgres granted",
                     *             "sql": "REVOKE \"orders_app_reader\" FROM \"alice@example.com\" GRANTED BY \"postgres\"",
                     *             "database": "orders",
                     *             "optional": false,
                     *             "destructive": true
                     *           }
                     *         ]
                     *       },
                     *       "state": {
                     *         "schemas": [],
                     *         "templates": [],
                     *         "roles": [],
                     *         "memberships": [],
                     *         "grants": [],
                     *         "public_revocations": []
                     *       },
                     *       "summary": {
                     *         "roles": 0,
                     *         "schemas": 0,
                     *         "memberships": 1,
                     *         "privileges": 0,
                     *         "default_privileges": 0,
                     *         "destructive": 1,
                     *         "total": 1
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0722
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RolesRolledBack"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly readDrift: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "schema_name": "app"
                 *     }
                 */
                readonly "application/json": components["schemas"]["DriftRequest"];
            };
        };
        readonly responses: {
            /** @description The differences; none when `in_sync`. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 difference in 1 schema",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "schema_name": "app",
                     *       "schemas": [
                     *         "app"
                     *       ],
                     *       "in_sync": false,
                     *       "drift": [
                     *         {
                     *           "kind": "extra",
                     *           "role": "orders_app_reader",
                     *           "object": "membership of orders_app_reader in pg_read_all_data",
                     *           "detail": "orders_app_reader is a member of pg_read_all_data, which is not in its definition",
                     *           "repair": [
                     *             "REVOKE \"pg_read_all_data\" FROM \"orders_app_reader\" GRANTED BY \"postgres\""
                     *           ]
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "checked": "full",
                     *       "execution_time_seconds": 0.0213
                     *     }
                     */
                    readonly "application/json": components["schemas"]["DriftReport"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listRoleTemplates: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "include_retired": true
                 *     }
                 */
                readonly "application/json": components["schemas"]["ListRoleTemplatesRequest"];
            };
        };
        readonly responses: {
            /** @description The templates. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 template",
                     *       "templates": [
                     *         {
                     *           "name": "support",
                     *           "builtin": false,
                     *           "retired": false,
                     *           "latest": "1.0.0",
                     *           "versions": [
                     *             {
                     *               "version": "1.0.0",
                     *               "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *               "retired": false,
                     *               "created_at": "2026-11-21T09:30:00.000Z",
                     *               "created_by": "alice@example.com"
                     *             }
                     *           ]
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0041
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleTemplateList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly readRoleTemplate: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "analytics_readonly"
                 *     }
                 */
                readonly "application/json": components["schemas"]["RoleTemplateRequest"];
            };
        };
        readonly responses: {
            /** @description The template. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Version 1.0.0 of template support",
                     *       "name": "support",
                     *       "version": "1.0.0",
                     *       "builtin": false,
                     *       "retired": false,
                     *       "latest": "1.0.0",
                     *       "versions": [
                     *         {
                     *           "version": "1.0.0",
                     *           "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *           "retired": false,
                     *           "created_at": "2026-11-21T09:30:00.000Z",
                     *           "created_by": "alice@example.com"
                     *         }
                     *       ],
                     *       "template": {
                     *         "name": "support",
                     *         "version": "1.0.0",
                     *         "description": "Looks things up for customers.",
                     *         "roles": [
                     *           {
                     *             "kind": "agent",
                     *             "scope": "schema",
                     *             "purpose": "reads orders, and of customers what it needs",
                     *             "name_pattern": "{database}_{schema}_support_{kind}",
                     *             "inherits": [],
                     *             "native_roles": [],
                     *             "grants": [
                     *               {
                     *                 "on": [
                     *                   "database"
                     *                 ],
                     *                 "privileges": [
                     *                   "CONNECT"
                     *                 ],
                     *                 "existing": true,
                     *                 "future": false
                     *               },
                     *               {
                     *                 "on": [
                     *                   "schema"
                     *                 ],
                     *                 "privileges": [
                     *                   "USAGE"
                     *                 ],
                     *                 "existing": true,
                     *                 "future": false
                     *               }
                     *             ],
                     *             "column_grants": [
                     *               {
                     *                 "table": "customers",
                     *                 "columns": [
                     *                   "id",
                     *                   "email"
                     *                 ],
                     *                 "privileges": [
                     *                   "SELECT"
                     *                 ]
                     *               }
                     *             ],
                     *             "extensions": []
                     *           }
                     *         ]
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0041
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleTemplateRead"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly createRoleTemplate: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "support",
                 *       "version": "1.0.0",
                 *       "description": "Looks things up for customers.",
                 *       "roles": [
                 *         {
                 *           "kind": "agent",
                 *           "scope": "schema",
                 *           "purpose": "reads orders, and of customers what it needs",
                 *           "name_pattern": "{database}_{schema}_support_{kind}",
                 *           "grants": [
                 *             {
                 *               "on": [
                 *                 "database"
                 *               ],
                 *               "privileges": [
                 *                 "CONNECT"
                 *               ]
                 *             },
                 *             {
                 *               "on": [
                 *                 "schema"
                 *               ],
                 *               "privileges": [
                 *                 "USAGE"
                 *               ]
                 *             },
                 *             {
                 *               "on": [
                 *                 "table",
                 *                 "view",
                 *                 "materialized_view"
                 *               ],
                 *               "privileges": [
                 *                 "SELECT"
                 *               ]
                 *             }
                 *           ],
                 *           "column_grants": [
                 *             {
                 *               "table": "customers",
                 *               "columns": [
                 *                 "id",
                 *                 "email"
                 *               ],
                 *               "privileges": [
                 *                 "SELECT"
                 *               ]
                 *             }
                 *           ]
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["RoleTemplateAddition"];
            };
        };
        readonly responses: {
            /** @description The version is there. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Version 1.0.0 of template support was created",
                     *       "name": "support",
                     *       "version": "1.0.0",
                     *       "created": true,
                     *       "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *       "retired": false,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0093
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleTemplateAdded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly addRoleTemplateVersion: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "support",
                 *       "version": "1.0.0",
                 *       "description": "Looks things up for customers.",
                 *       "roles": [
                 *         {
                 *           "kind": "agent",
                 *           "scope": "schema",
                 *           "purpose": "reads orders, and of customers what it needs",
                 *           "name_pattern": "{database}_{schema}_support_{kind}",
                 *           "grants": [
                 *             {
                 *               "on": [
                 *                 "database"
                 *               ],
                 *               "privileges": [
                 *                 "CONNECT"
                 *               ]
                 *             },
                 *             {
                 *               "on": [
                 *                 "schema"
                 *               ],
                 *               "privileges": [
                 *                 "USAGE"
                 *               ]
                 *             },
                 *             {
                 *               "on": [
                 *                 "table",
                 *                 "view",
                 *                 "materialized_view"
                 *               ],
                 *               "privileges": [
                 *                 "SELECT"
                 *               ]
                 *             }
                 *           ],
                 *           "column_grants": [
                 *             {
                 *               "table": "customers",
                 *               "columns": [
                 *                 "id",
                 *                 "email"
                 *               ],
                 *               "privileges": [
                 *                 "SELECT"
                 *               ]
                 *             }
                 *           ]
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["RoleTemplateAddition"];
            };
        };
        readonly responses: {
            /** @description The version is there. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Version 1.0.0 of template support was created",
                     *       "name": "support",
                     *       "version": "1.0.0",
                     *       "created": true,
                     *       "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     *       "retired": false,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0093
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleTemplateAdded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly retireRoleTemplate: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "support",
                 *       "version": "1.0.0"
                 *     }
                 */
                readonly "application/json": components["schemas"]["RetireRoleTemplateRequest"];
            };
        };
        readonly responses: {
            /** @description It is retired. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Version 1.0.0 of template support is retired",
                     *       "name": "support",
                     *       "version": "1.0.0",
                     *       "changed": true,
                     *       "latest": null,
                     *       "execution_time_seconds": 0.0093
                     *     }
                     */
                    readonly "application/json": components["schemas"]["RoleTemplateRetired"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly grantPostgresInheritance: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "alice@example.com"
                 *     }
                 */
                readonly "application/json": components["schemas"]["GrantInheritanceRequest"];
            };
        };
        readonly responses: {
            /** @description The admin can manage the user. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The admin can manage alice@example.com",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "alice@example.com",
                     *       "normalized_username": "alice@example.com",
                     *       "already_granted": false,
                     *       "mode": "on_demand",
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0077
                     *     }
                     */
                    readonly "application/json": components["schemas"]["InheritanceGranted"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly revokePostgresInheritance: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "alice@example.com"
                 *     }
                 */
                readonly "application/json": components["schemas"]["RevokeInheritanceRequest"];
            };
        };
        readonly responses: {
            /** @description No membership stands. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The admin held no standing membership in alice@example.com",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "alice@example.com",
                     *       "normalized_username": "alice@example.com",
                     *       "already_revoked": true,
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0068
                     *     }
                     */
                    readonly "application/json": components["schemas"]["InheritanceRevoked"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly cleanupUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "legacy_app",
                 *       "dry_run": true
                 *     }
                 */
                readonly "application/json": components["schemas"]["CleanupRequest"];
            };
        };
        readonly responses: {
            /** @description What was done, or would be done, in each database. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Would clean up legacy_app in 1 of 2 databases",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "legacy_app",
                     *       "normalized_username": "legacy_app",
                     *       "schema_name": null,
                     *       "ownership_transferred": true,
                     *       "permissions_revoked": false,
                     *       "objects_dropped": false,
                     *       "databases": [
                     *         {
                     *           "database_name": "billing",
                     *           "outcome": "nothing_to_do",
                     *           "ownership_transferred": 0,
                     *           "permissions_revoked": 0,
                     *           "objects_dropped": 0
                     *         },
                     *         {
                     *           "database_name": "orders",
                     *           "outcome": "planned",
                     *           "ownership_transferred": 3,
                     *           "permissions_revoked": 0,
                     *           "objects_dropped": 0
                     *         }
                     *       ],
                     *       "plan": {
                     *         "plan_id": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *         "statements": [
                     *           {
                     *             "description": "Hand over what legacy_app owns",
                     *             "sql": "REASSIGN OWNED BY legacy_app TO app_owner",
                     *             "database": "orders",
                     *             "optional": false,
                     *             "destructive": true
                     *           }
                     *         ]
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserCleanedUp"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly assignRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "memberships": [
                 *         {
                 *           "schema_name": "app",
                 *           "username": "alice@example.com",
                 *           "role_name": "reader"
                 *         },
                 *         {
                 *           "schema_name": "app",
                 *           "username": "nobody@example.com",
                 *           "role_name": "reader"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["BulkMembershipRequest"];
            };
        };
        readonly responses: {
            /** @description What became of each, in the order of the request. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 assigned, 0 unchanged, 1 failed",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "changed": 1,
                     *       "unchanged": 0,
                     *       "failed": 1,
                     *       "results": [
                     *         {
                     *           "schema_name": "app",
                     *           "username": "alice@example.com",
                     *           "role_name": "orders_app_reader",
                     *           "outcome": "changed",
                     *           "error": null,
                     *           "warnings": []
                     *         },
                     *         {
                     *           "schema_name": "app",
                     *           "username": "nobody@example.com",
                     *           "role_name": "reader",
                     *           "outcome": "failed",
                     *           "error": {
                     *             "error_type": "not_found",
                     *             "message": "There is no user \"nobody@example.com\" on this instance."
                     *           },
                     *           "warnings": []
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["BulkMembershipResult"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly revokeRoles: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "memberships": [
                 *         {
                 *           "schema_name": "app",
                 *           "username": "alice@example.com",
                 *           "role_name": "reader"
                 *         },
                 *         {
                 *           "schema_name": "app",
                 *           "username": "nobody@example.com",
                 *           "role_name": "reader"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["BulkMembershipRequest"];
            };
        };
        readonly responses: {
            /** @description What became of each, in the order of the request. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "1 revoked, 0 unchanged, 1 failed",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "changed": 1,
                     *       "unchanged": 0,
                     *       "failed": 1,
                     *       "results": [
                     *         {
                     *           "schema_name": "app",
                     *           "username": "alice@example.com",
                     *           "role_name": "orders_app_reader",
                     *           "outcome": "changed",
                     *           "error": null,
                     *           "warnings": []
                     *         },
                     *         {
                     *           "schema_name": "app",
                     *           "username": "nobody@example.com",
                     *           "role_name": "reader",
                     *           "outcome": "failed",
                     *           "error": {
                     *             "error_type": "not_found",
                     *             "message": "There is no user \"nobody@example.com\" on this instance."
                     *           },
                     *           "warnings": []
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["BulkMembershipResult"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly createUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "carol@example.com",
                 *       "user_type": "iam_user",
                 *       "initial_roles": [
                 *         {
                 *           "schema_name": "app",
                 *           "role_name": "reader"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["CreateUserRequest"];
            };
        };
        readonly responses: {
            /** @description The user, and what was done, or would be done. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Created carol@example.com",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "carol@example.com",
                     *       "normalized_username": "carol@example.com",
                     *       "user_type": "iam_user",
                     *       "created": true,
                     *       "secret_id": null,
                     *       "changed": true,
                     *       "state": "succeeded",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [
                     *         {
                     *           "kind": "cloud_sql_api",
                     *           "description": "Create the user carol@example.com in Cloud SQL",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         },
                     *         {
                     *           "kind": "sql",
                     *           "description": "Grant its first roles",
                     *           "database_name": "orders",
                     *           "outcome": "done"
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "execution_time_seconds": 1.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserCreated"];
                };
            };
            /** @description It takes longer than OPERATION_WAIT and goes on; `Location` names the operation, which tells how it ended. */
            readonly 202: {
                headers: {
                    /** @description The operation, `/operations/{operation_id}`. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "It goes on: see operation 5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "carol@example.com",
                     *       "normalized_username": "carol@example.com",
                     *       "user_type": "iam_user",
                     *       "created": true,
                     *       "secret_id": null,
                     *       "changed": true,
                     *       "state": "running",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [],
                     *       "warnings": [],
                     *       "execution_time_seconds": 20.0012
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserCreated"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly rotatePassword: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "nightly_report",
                 *       "if_older_than": "P30D",
                 *       "dry_run": false
                 *     }
                 */
                readonly "application/json": components["schemas"]["RotatePasswordRequest"];
            };
        };
        readonly responses: {
            /** @description What was done, or would be done. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Rotated the password of nightly_report",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "nightly_report",
                     *       "normalized_username": "nightly_report",
                     *       "is_admin": false,
                     *       "secret_id": "orders-db__user__nightly_5freport",
                     *       "password_since": "2026-11-21T09:00:00.000Z",
                     *       "changed": true,
                     *       "state": "succeeded",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [
                     *         {
                     *           "kind": "secret",
                     *           "description": "Store a generated password of nightly_report as projects/demo-project/locations/europe-west1/secrets/orders-db__user__nightly_5freport/versions/2",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         },
                     *         {
                     *           "kind": "sql",
                     *           "description": "Set the password of nightly_report",
                     *           "database_name": "orders",
                     *           "outcome": "done"
                     *         },
                     *         {
                     *           "kind": "login",
                     *           "description": "Log in as nightly_report with the new password",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         },
                     *         {
                     *           "kind": "secret",
                     *           "description": "Disable projects/demo-project/locations/europe-west1/secrets/orders-db__user__nightly_5freport/versions/1",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.1042
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PasswordRotated"];
                };
            };
            /** @description It takes longer than OPERATION_WAIT and goes on; `Location` names the operation, which tells how it ended. */
            readonly 202: {
                headers: {
                    /** @description The operation, `/operations/{operation_id}`. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "It goes on: see operation 5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "nightly_report",
                     *       "normalized_username": "nightly_report",
                     *       "is_admin": false,
                     *       "secret_id": "orders-db__user__nightly_5freport",
                     *       "password_since": "2026-10-01T09:00:00.000Z",
                     *       "changed": true,
                     *       "state": "running",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [],
                     *       "warnings": [],
                     *       "execution_time_seconds": 20.0012
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PasswordRotated"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly deleteUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "dave@example.com",
                 *       "dry_run": false
                 *     }
                 */
                readonly "application/json": components["schemas"]["RemoveUserRequest"];
            };
        };
        readonly responses: {
            /** @description What was done, or would be done. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Deleted dave@example.com",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "dave@example.com",
                     *       "normalized_username": "dave@example.com",
                     *       "existed": true,
                     *       "changed": true,
                     *       "state": "succeeded",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [
                     *         {
                     *           "kind": "sql",
                     *           "description": "End the sessions of dave@example.com",
                     *           "database_name": "orders",
                     *           "outcome": "nothing_to_do"
                     *         },
                     *         {
                     *           "kind": "cloud_sql_api",
                     *           "description": "Delete the user dave@example.com in Cloud SQL",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "execution_time_seconds": 1.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserRemoved"];
                };
            };
            /** @description It takes longer than OPERATION_WAIT and goes on; `Location` names the operation, which tells how it ended. */
            readonly 202: {
                headers: {
                    /** @description The operation, `/operations/{operation_id}`. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "It goes on: see operation 5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "dave@example.com",
                     *       "normalized_username": "dave@example.com",
                     *       "existed": true,
                     *       "changed": true,
                     *       "state": "running",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [],
                     *       "warnings": [],
                     *       "execution_time_seconds": 20.0012
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserRemoved"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly offboardUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "username": "dave@example.com",
                 *       "dry_run": false
                 *     }
                 */
                readonly "application/json": components["schemas"]["OffboardUserRequest"];
            };
        };
        readonly responses: {
            /** @description What was done, or would be done. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Offboarded dave@example.com",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "dave@example.com",
                     *       "normalized_username": "dave@example.com",
                     *       "existed": true,
                     *       "changed": true,
                     *       "state": "succeeded",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [
                     *         {
                     *           "kind": "sql",
                     *           "description": "End the sessions of dave@example.com",
                     *           "database_name": "orders",
                     *           "outcome": "nothing_to_do"
                     *         },
                     *         {
                     *           "kind": "cloud_sql_api",
                     *           "description": "Delete the user dave@example.com in Cloud SQL",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "execution_time_seconds": 1.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserRemoved"];
                };
            };
            /** @description It takes longer than OPERATION_WAIT and goes on; `Location` names the operation, which tells how it ended. */
            readonly 202: {
                headers: {
                    /** @description The operation, `/operations/{operation_id}`. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "It goes on: see operation 5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "username": "dave@example.com",
                     *       "normalized_username": "dave@example.com",
                     *       "existed": true,
                     *       "changed": true,
                     *       "state": "running",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "steps": [],
                     *       "warnings": [],
                     *       "execution_time_seconds": 20.0012
                     *     }
                     */
                    readonly "application/json": components["schemas"]["UserRemoved"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly reconcileUsers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description What was found, by user. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 fault among 7 users",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "total_users": 7,
                     *       "findings": [
                     *         {
                     *           "kind": "orphan_in_cloud_sql",
                     *           "username": "ghost@example.com",
                     *           "detail": "Cloud SQL lists the user, and PostgreSQL has no such role: nobody can log in as it.",
                     *           "remedy": "/users/delete it, and /users/create it again if it is still wanted."
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["Reconciliation"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listAccounts: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description The users, sorted by name. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 user",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "users": [
                     *         {
                     *           "username": "alice@example.com",
                     *           "user_type": "iam_user",
                     *           "status": "active",
                     *           "memberships": [
                     *             {
                     *               "database_name": "orders",
                     *               "roles": [
                     *                 "orders_app_reader"
                     *               ]
                     *             }
                     *           ],
                     *           "other_roles": [],
                     *           "sessions": 1,
                     *           "last_activity": "2026-11-21T09:30:00.000Z"
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0642
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccountList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly readOperation: {
        readonly parameters: {
            readonly query?: {
                /**
                 * @description Wait so long for the operation's end.
                 * @example 5
                 */
                readonly wait_seconds?: number;
            };
            readonly header?: never;
            readonly path: {
                /**
                 * @description The operation's id, as it was answered.
                 * @example 5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69
                 */
                readonly operation_id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The operation as it is now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "createUser of carol@example.com is running",
                     *       "operation_id": "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
                     *       "action": "createUser",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "normalized_username": "carol@example.com",
                     *       "actor": "admin@example.com",
                     *       "state": "running",
                     *       "changed": true,
                     *       "created_at": "2026-11-21T09:30:00.000Z",
                     *       "updated_at": "2026-11-21T09:30:20.000Z",
                     *       "steps": [
                     *         {
                     *           "kind": "cloud_sql_api",
                     *           "description": "Create the user carol@example.com in Cloud SQL",
                     *           "database_name": null,
                     *           "outcome": "done"
                     *         }
                     *       ],
                     *       "warnings": [],
                     *       "failure": null,
                     *       "execution_time_seconds": 0.0042
                     *     }
                     */
                    readonly "application/json": components["schemas"]["OperationStatus"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly requestAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "us-central1",
                 *       "instance_name": "analytics-db",
                 *       "database_name": "analytics",
                 *       "schema_name": "reporting",
                 *       "role_name": "reader",
                 *       "duration_seconds": 3600,
                 *       "reason": "Look into a slow report"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccessRequest"];
            };
        };
        readonly responses: {
            /** @description The access as it is now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The access of carol@example.com to analytics_reporting_reader is requested",
                     *       "project_id": "demo-project",
                     *       "region": "us-central1",
                     *       "instance_name": "analytics-db",
                     *       "database_name": "analytics",
                     *       "changed": true,
                     *       "already_member": false,
                     *       "access": {
                     *         "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *         "project_id": "demo-project",
                     *         "region": "us-central1",
                     *         "instance_name": "analytics-db",
                     *         "database_name": "analytics",
                     *         "schema_name": "reporting",
                     *         "role_name": "analytics_reporting_reader",
                     *         "normalized_username": "carol@example.com",
                     *         "requested_by": "carol@example.com",
                     *         "reason": "Look into a slow report",
                     *         "duration_seconds": 3600,
                     *         "state": "requested",
                     *         "requested_at": "2026-11-21T09:30:00.000Z",
                     *         "decided_by": null,
                     *         "starts_at": null,
                     *         "expires_at": null,
                     *         "ended_by": null,
                     *         "ended_at": null,
                     *         "overdue": false
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0412
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly approveAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "us-central1",
                 *       "instance_name": "analytics-db",
                 *       "database_name": "analytics",
                 *       "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccessDecision"];
            };
        };
        readonly responses: {
            /** @description The access as it is now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The access of carol@example.com to analytics_reporting_reader is active",
                     *       "project_id": "demo-project",
                     *       "region": "us-central1",
                     *       "instance_name": "analytics-db",
                     *       "database_name": "analytics",
                     *       "changed": true,
                     *       "already_member": false,
                     *       "access": {
                     *         "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *         "project_id": "demo-project",
                     *         "region": "us-central1",
                     *         "instance_name": "analytics-db",
                     *         "database_name": "analytics",
                     *         "schema_name": "reporting",
                     *         "role_name": "analytics_reporting_reader",
                     *         "normalized_username": "carol@example.com",
                     *         "requested_by": "carol@example.com",
                     *         "reason": "Look into a slow report",
                     *         "duration_seconds": 3600,
                     *         "state": "active",
                     *         "requested_at": "2026-11-21T09:30:00.000Z",
                     *         "decided_by": "alice@example.com",
                     *         "starts_at": "2026-11-21T09:31:00.000Z",
                     *         "expires_at": "2026-11-21T10:31:00.000Z",
                     *         "ended_by": null,
                     *         "ended_at": null,
                     *         "overdue": false
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0412
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly denyAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "us-central1",
                 *       "instance_name": "analytics-db",
                 *       "database_name": "analytics",
                 *       "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccessDecision"];
            };
        };
        readonly responses: {
            /** @description The access as it is now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The access of carol@example.com to analytics_reporting_reader is denied",
                     *       "project_id": "demo-project",
                     *       "region": "us-central1",
                     *       "instance_name": "analytics-db",
                     *       "database_name": "analytics",
                     *       "changed": true,
                     *       "already_member": false,
                     *       "access": {
                     *         "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *         "project_id": "demo-project",
                     *         "region": "us-central1",
                     *         "instance_name": "analytics-db",
                     *         "database_name": "analytics",
                     *         "schema_name": "reporting",
                     *         "role_name": "analytics_reporting_reader",
                     *         "normalized_username": "carol@example.com",
                     *         "requested_by": "carol@example.com",
                     *         "reason": "Look into a slow report",
                     *         "duration_seconds": 3600,
                     *         "state": "denied",
                     *         "requested_at": "2026-11-21T09:30:00.000Z",
                     *         "decided_by": "alice@example.com",
                     *         "starts_at": null,
                     *         "expires_at": null,
                     *         "ended_by": "alice@example.com",
                     *         "ended_at": "2026-11-21T09:31:00.000Z",
                     *         "overdue": false
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0412
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly revokeAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "us-central1",
                 *       "instance_name": "analytics-db",
                 *       "database_name": "analytics",
                 *       "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccessDecision"];
            };
        };
        readonly responses: {
            /** @description The access as it is now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "The access of carol@example.com to analytics_reporting_reader is revoked",
                     *       "project_id": "demo-project",
                     *       "region": "us-central1",
                     *       "instance_name": "analytics-db",
                     *       "database_name": "analytics",
                     *       "changed": true,
                     *       "already_member": false,
                     *       "access": {
                     *         "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *         "project_id": "demo-project",
                     *         "region": "us-central1",
                     *         "instance_name": "analytics-db",
                     *         "database_name": "analytics",
                     *         "schema_name": "reporting",
                     *         "role_name": "analytics_reporting_reader",
                     *         "normalized_username": "carol@example.com",
                     *         "requested_by": "carol@example.com",
                     *         "reason": "Look into a slow report",
                     *         "duration_seconds": 3600,
                     *         "state": "revoked",
                     *         "requested_at": "2026-11-21T09:30:00.000Z",
                     *         "decided_by": "alice@example.com",
                     *         "starts_at": "2026-11-21T09:31:00.000Z",
                     *         "expires_at": "2026-11-21T10:31:00.000Z",
                     *         "ended_by": "alice@example.com",
                     *         "ended_at": "2026-11-21T10:31:00.000Z",
                     *         "overdue": false
                     *       },
                     *       "warnings": [],
                     *       "execution_time_seconds": 0.0412
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessChanged"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "us-central1",
                 *       "instance_name": "analytics-db",
                 *       "database_name": "analytics"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TargetRequest"];
            };
        };
        readonly responses: {
            /** @description The accesses. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 temporary access",
                     *       "project_id": "demo-project",
                     *       "region": "us-central1",
                     *       "instance_name": "analytics-db",
                     *       "database_name": "analytics",
                     *       "accesses": [
                     *         {
                     *           "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *           "project_id": "demo-project",
                     *           "region": "us-central1",
                     *           "instance_name": "analytics-db",
                     *           "database_name": "analytics",
                     *           "schema_name": "reporting",
                     *           "role_name": "analytics_reporting_reader",
                     *           "normalized_username": "carol@example.com",
                     *           "requested_by": "carol@example.com",
                     *           "reason": "Look into a slow report",
                     *           "duration_seconds": 3600,
                     *           "state": "active",
                     *           "requested_at": "2026-11-21T09:30:00.000Z",
                     *           "decided_by": "alice@example.com",
                     *           "starts_at": "2026-11-21T09:31:00.000Z",
                     *           "expires_at": "2026-11-21T10:31:00.000Z",
                     *           "ended_by": null,
                     *           "ended_at": null,
                     *           "overdue": false
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0102
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly expireAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /** @example {} */
                readonly "application/json": components["schemas"]["ExpireAccessRequest"];
            };
        };
        readonly responses: {
            /** @description What was due, and what became of it. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Looked after 1 due entry, 0 failed",
                     *       "results": [
                     *         {
                     *           "outcome": "expired",
                     *           "access": {
                     *             "access_id": "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
                     *             "project_id": "demo-project",
                     *             "region": "us-central1",
                     *             "instance_name": "analytics-db",
                     *             "database_name": "analytics",
                     *             "schema_name": "reporting",
                     *             "role_name": "analytics_reporting_reader",
                     *             "normalized_username": "carol@example.com",
                     *             "requested_by": "carol@example.com",
                     *             "reason": "Look into a slow report",
                     *             "duration_seconds": 3600,
                     *             "state": "expired",
                     *             "requested_at": "2026-11-21T09:30:00.000Z",
                     *             "decided_by": "alice@example.com",
                     *             "starts_at": "2026-11-21T09:31:00.000Z",
                     *             "expires_at": "2026-11-21T10:31:00.000Z",
                     *             "ended_by": "temporary-access",
                     *             "ended_at": "2026-11-21T10:31:00.000Z",
                     *             "overdue": false
                     *           }
                     *         }
                     *       ],
                     *       "execution_time_seconds": 0.0912
                     *     }
                     */
                    readonly "application/json": components["schemas"]["AccessExpired"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly listPools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The pools. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Found 1 pool",
                     *       "pools": [
                     *         {
                     *           "project_id": "demo-project",
                     *           "region": "europe-west1",
                     *           "instance_name": "orders-db",
                     *           "database_name": "orders",
                     *           "state": "active",
                     *           "cl_active": 1,
                     *           "cl_waiting": 0,
                     *           "sv_active": 1,
                     *           "sv_idle": 2,
                     *           "sv_connecting": 0,
                     *           "maxwait": 0,
                     *           "size": 3,
                     *           "checked_in": 2,
                     *           "checked_out": 1,
                     *           "overflow": 0,
                     *           "totals": {
                     *             "requests": 42,
                     *             "wait_time": 0.0331,
                     *             "query_time": 0.2175,
                     *             "errors": 0
                     *           }
                     *         }
                     *       ],
                     *       "paused": [],
                     *       "totals": {
                     *         "pools": 1,
                     *         "size": 3,
                     *         "checked_out": 1,
                     *         "checked_in": 2,
                     *         "waiting": 0,
                     *         "overflow": 0,
                     *         "limit": 30,
                     *         "utilization": 0.0333
                     *       },
                     *       "execution_time_seconds": 0.0002
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolList"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly pausePools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "wait_seconds": 10
                 *     }
                 */
                readonly "application/json": components["schemas"]["PoolsRequest"];
            };
        };
        readonly responses: {
            /** @description The pools concerned, as they are now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Paused the database orders on demo-project:europe-west1:orders-db: 0 pools",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "complete": true,
                     *       "pools": [],
                     *       "execution_time_seconds": 0.0006
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolsCommanded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly resumePools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders"
                 *     }
                 */
                readonly "application/json": components["schemas"]["PoolsScopeRequest"];
            };
        };
        readonly responses: {
            /** @description The pools concerned, as they are now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Resumed the database orders on demo-project:europe-west1:orders-db: 0 pools",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "complete": true,
                     *       "pools": [],
                     *       "execution_time_seconds": 0.0006
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolsCommanded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly drainPools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "wait_seconds": 10
                 *     }
                 */
                readonly "application/json": components["schemas"]["PoolsRequest"];
            };
        };
        readonly responses: {
            /** @description The pools concerned, as they are now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Drained the database orders on demo-project:europe-west1:orders-db: 0 pools",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "complete": true,
                     *       "pools": [],
                     *       "execution_time_seconds": 0.0006
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolsCommanded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly reloadPools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "wait_seconds": 10
                 *     }
                 */
                readonly "application/json": components["schemas"]["PoolsRequest"];
            };
        };
        readonly responses: {
            /** @description The pools concerned, as they are now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Reloaded the database orders on demo-project:europe-west1:orders-db: 0 pools",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "complete": true,
                     *       "settings_changed": [
                     *         {
                     *           "name": "CONNECTION_POOL_SIZE",
                     *           "from": "10",
                     *           "to": "25"
                     *         }
                     *       ],
                     *       "pools": [],
                     *       "execution_time_seconds": 0.0006
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolsReloaded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
    readonly killPools: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "project_id": "demo-project",
                 *       "region": "europe-west1",
                 *       "instance_name": "orders-db",
                 *       "database_name": "orders",
                 *       "wait_seconds": 10
                 *     }
                 */
                readonly "application/json": components["schemas"]["PoolsRequest"];
            };
        };
        readonly responses: {
            /** @description The pools concerned, as they are now. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "message": "Killed the connections of the database orders on demo-project:europe-west1:orders-db: 0 pools",
                     *       "project_id": "demo-project",
                     *       "region": "europe-west1",
                     *       "instance_name": "orders-db",
                     *       "database_name": "orders",
                     *       "complete": true,
                     *       "pools": [],
                     *       "execution_time_seconds": 0.0006
                     *     }
                     */
                    readonly "application/json": components["schemas"]["PoolsCommanded"];
                };
            };
            readonly default: components["responses"]["Problem"];
        };
    };
}
