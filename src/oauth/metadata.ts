import type { Config } from '../platform/config.ts';

/**
 * Authorization server metadata (RFC 8414 §2). It names only what this service does: it has no authorization endpoint
 * and issues no ID tokens, so `response_types_supported` is empty and OpenID Connect's own members are missing.
 */
export function describeServer({ http: { publicUrl }, tokens: { algorithm } }: Config) {
  const clientAuthentication = ['client_secret_basic', 'client_secret_post'];
  return {
    issuer: publicUrl,
    token_endpoint: `${publicUrl}/token`,
    jwks_uri: `${publicUrl}/.well-known/jwks.json`,
    introspection_endpoint: `${publicUrl}/introspect`,
    revocation_endpoint: `${publicUrl}/revoke`,
    service_documentation: `${publicUrl}/docs`,
    grant_types_supported: ['password', 'client_credentials'],
    response_types_supported: [] as string[],
    token_endpoint_auth_methods_supported: [...clientAuthentication, 'none'],
    introspection_endpoint_auth_methods_supported: clientAuthentication,
    revocation_endpoint_auth_methods_supported: clientAuthentication,
    access_token_signing_alg_values_supported: [algorithm as string],
  };
}
