import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceEnvironment } from "../../src/local-cloud/service-process.ts";

const settings = { GCE_METADATA_HOST: "127.0.0.1:1", SECRET_NAME_SUFFIX: "postgres-password" };

test("the service gets the user's own settings, and nothing that points elsewhere", () => {
  const environment = serviceEnvironment(
    {
      PATH: "/bin",
      LOG_LEVEL: "DEBUG",
      CONNECTION_POOL_SIZE: "3",
      PORT: "8080",
      GOOGLE_APPLICATION_CREDENTIALS: "/key.json",
      GOOGLE_CLOUD_QUOTA_PROJECT: "other",
      GCLOUD_PROJECT: "other",
      CLOUDSDK_AUTH_ACCESS_TOKEN: "ya29.mine",
      GCE_METADATA_HOST: "metadata.example.com",
      FIRESTORE_DATABASE: "other",
      SECRET_PROJECT_ID: "other",
      PGHOST: "db.example.com",
      PGSSLMODE: "require",
      HTTPS_PROXY: "http://proxy:3128",
      grpc_proxy: "http://proxy:3128",
      GONE: undefined,
    },
    settings,
    1234,
  );
  assert.deepEqual(environment, {
    API_HOST: "127.0.0.1",
    LOG_FORMAT: "text",
    PATH: "/bin",
    LOG_LEVEL: "DEBUG",
    CONNECTION_POOL_SIZE: "3",
    ...settings,
    PORT: "1234",
  });
});

test("without settings of the user's own, the service logs warnings only, as text", () => {
  const { LOG_LEVEL, LOG_FORMAT } = serviceEnvironment({}, settings, 0);
  assert.deepEqual([LOG_LEVEL, LOG_FORMAT], ["WARNING", "text"]);
});
