import { userBody } from '../accounts/account.ts';
import { addressText, lastNameSentBack, nameText, phoneText } from '../accounts/person-schema.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { opaqueToken } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { exact, saying, Type } from '../platform/json-schema.ts';
import { userOf } from '../sessions/principal.ts';
import { exportOwnData } from './export.ts';
import { closeOwnAccount } from './remove-account.ts';
import { undoEmailChange } from './undo-email-change.ts';
import { updateProfile } from './update.ts';
import { sendVerification, verifyEmail } from './verify-email.ts';

/** One's own account: profile, address, export, closing. */
export function routes(app: App, deps: KeysDeps): void {
  app.put(
    '/users/me',
    {
      config: {
        access: 'user',
        limit: 'profile',
        problems: ['username_taken', 'address_taken', 'reauthentication_required', 'rate_limited'],
      },
      schema: {
        tags: ['Users'],
        summary: 'Change my profile',
        description:
          'Members that you leave out stay as they are. Unless you send `full_name`, it follows the two names. A new `email` needs a recent login, and is `pending_email` until it is confirmed from the new mailbox. Sending the present `email`, and nothing else, calls the change off.',
        body: Type.Object(
          {
            first_name: Type.Optional(nameText),
            last_name: Type.Optional(lastNameSentBack),
            full_name: Type.Optional(Type.String({ minLength: 1, maxLength: 201 })),
            username: Type.Optional(Type.String({ minLength: 1, maxLength: 320 })),
            phone_number: optional(phoneText),
            email: Type.Optional(addressText),
          },
          { ...exact, examples: [{ full_name: 'Ada, Countess of Lovelace', phone_number: '+254712345678' }] },
        ),
        response: { 200: userBody },
      },
    },
    request => updateProfile(deps, userOf(request), request.body),
  );

  app.post(
    '/verify-email',
    {
      config: {
        access: 'user',
        limit: 'mail',
        problems: ['already_verified', 'address_taken', 'rate_limited'],
      },
      schema: {
        tags: ['Password and email'],
        summary: 'Send another verification mail',
        description: 'Sent to the address that waits for confirmation, or else to the present one.',
        response: { 202: saying('A verification mail is on its way') },
      },
    },
    async (request, reply) => {
      await sendVerification(deps, userOf(request));
      return reply.code(202).send({ message: 'A verification mail is on its way' });
    },
  );

  app.post(
    '/verify-email/:token',
    {
      config: {
        access: 'public',
        limit: 'signup',
        problems: ['invalid_verification_token', 'address_taken'],
      },
      schema: {
        tags: ['Password and email'],
        summary: 'Prove an address with a mailed token',
        description:
          'The token works once, within a day. It proves the address of a sign-up, or an address that replaces another.',
        params: Type.Object({ token: opaqueToken() }),
        response: { 200: saying('Email verified successfully') },
      },
    },
    async request => {
      await verifyEmail(deps, callerOf(request), request.params.token);
      return { message: 'Email verified successfully' as const };
    },
  );

  app.post(
    '/email-change/undo',
    {
      config: { access: 'public', limit: 'reset', problems: ['invalid_verification_token'] },
      schema: {
        tags: ['Password and email'],
        summary: 'Put the former address back',
        description:
          'Needs the token of the mail to the old address, within 72 hours of the change. Every session ends, and open links stop working. Passkeys and providers that were added less than 72 hours before that mail, or since, are removed. A reset link goes to the old address.',
        body: Type.Object({ token: opaqueToken() }, exact),
        response: { 200: saying('Your address is back, and every session has ended') },
      },
    },
    async request => {
      await undoEmailChange(deps, callerOf(request), request.body.token);
      return { message: 'Your address is back, and every session has ended' as const };
    },
  );

  app.get(
    '/users/me/export',
    {
      config: { access: 'user', limit: 'export', headers: ['attachment'] },
      // A HEAD request would make the whole document and throw it away.
      exposeHeadRoute: false,
      schema: {
        tags: ['Users'],
        summary: 'Everything that is stored about me',
        response: { 200: Type.Object({}, { additionalProperties: true }) },
      },
    },
    async (request, reply) => {
      const document = await exportOwnData(deps, userOf(request));
      reply.header('content-type', 'application/json; charset=utf-8');
      reply.header('content-disposition', 'attachment; filename="account.json"');
      return reply.send(document);
    },
  );

  app.delete(
    '/users/me',
    {
      config: { access: 'user', recent: true, problems: ['last_administrator'] },
      schema: {
        tags: ['Users'],
        summary: 'Close my account',
        description: 'Nothing of the account can be restored.',
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await closeOwnAccount(deps, userOf(request));
      return reply.code(204).send(null);
    },
  );
}
