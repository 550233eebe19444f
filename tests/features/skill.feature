# language: pt
Funcionalidade: Instalar as skills do Transaction Guardian
  Como administradora
  Quero instalar uma skill a partir de uma pasta, depois de ler o que ela pode fazer
  Para que o analista converse com o sistema em suas próprias palavras

  Contexto:
    Dado que o Transaction Guardian é monitorado

  Cenário: Da pasta até a conversa
    Dado que a skill "transaction-guardian" foi instalada e ligada
    Quando Bob escreve "/skills on transaction-guardian"
    Então a resposta contém "transaction-guardian is on in this chat."
    Dado que o modelo responde a "como estamos" com a ferramenta "transaction_guardian__status"
    Quando Bob escreve "como estamos esta noite?"
    Então a resposta contém "Tudo em ordem."
    E o modelo leu "API: healthy (uptime 99.97%)"
    E o modelo conhece as instruções da skill

  Cenário: Instalada mas desligada, ela não existe
    Dado que a skill "transaction-guardian" foi instalada
    Quando Bob escreve "/skills on transaction-guardian"
    Então a resposta contém "There is no skill of this name"

  Cenário: Em outra conversa ela continua desligada
    Dado que a skill "transaction-guardian" foi instalada e ligada
    E que Bob escreveu "/skills on transaction-guardian"
    Quando Alice escreve "olá"
    Então o modelo não conhece as instruções da skill

  Cenário: Um desconhecido não liga nada
    Dado que a skill "transaction-guardian" foi instalada e ligada
    Quando Charlie escreve "/skills on transaction-guardian"
    Então a resposta não contém "transaction-guardian"

  Cenário: O modelo propõe um runbook e uma pessoa decide
    Dado que os runbooks prontos foram importados
    E que a skill "transaction-guardian" foi instalada e ligada
    E que Bob escreveu "/skills on transaction-guardian"
    E que nenhuma transação passa mais
    E que o modelo responde a "conserte" com o runbook "restart-api"
    Quando Bob escreve "conserte a API, por favor"
    Então chega uma mensagem com "/runbook run restart-api"
    E nenhum runbook foi executado
    Quando Bob aperta "Approve"
    Então chega uma mensagem com "Tudo em ordem."
    Quando o trabalho é feito
    Então chega uma mensagem com "[4/4] Waiting until it is healthy ... ok"
    E o sistema voltou a responder normalmente
