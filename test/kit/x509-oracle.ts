/** Another reader of certificates, to compare ours with. */
import './reflect-metadata.ts';
import * as oracle from '@peculiar/x509';

export { oracle };
